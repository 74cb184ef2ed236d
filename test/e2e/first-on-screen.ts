// What a browser shows first of a file.

import { execFileSync } from 'node:child_process';
import type { Browser } from 'playwright-core';

/** Which of some pictures of a raw stream Chromium shows first of an MP4. */
export async function firstOnScreen(
  browser: Browser,
  file: string,
  source: string,
  pictures: readonly number[],
): Promise<number> {
  const choice = pictures.map((picture) => `eq(n,${picture})`).join('+');
  const raw = execFileSync(
    'ffmpeg',
    ['-v', 'error', '-f', 'h264', '-i', source, '-vf', `select='${choice}'`].concat(
      ...[
        ['-fps_mode', 'passthrough'],
        ['-pix_fmt', 'gray'],
        ['-f', 'rawvideo', '-'],
      ],
    ),
    { maxBuffer: 64 << 20 },
  );
  const other = await browser.newPage();
  await other.route('http://first.test/**', (route) =>
    route.request().url().endsWith('.mp4')
      ? route.fulfill({ path: file, contentType: 'video/mp4' })
      : route.fulfill({ body: '<video muted></video>', contentType: 'text/html' }),
  );
  await other.goto('http://first.test/');
  const seen = await other.evaluate(async () => {
    const video = document.querySelector('video')!;
    const shown = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    video.src = 'clip.mp4';
    await shown;
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    const context = canvas.getContext('2d')!;
    context.drawImage(video, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const first = Array.from({ length: data.length / 4 }, (_, at) =>
      Math.round(0.2126 * data[4 * at]! + 0.7152 * data[4 * at + 1]! + 0.0722 * data[4 * at + 2]!),
    );
    await video.play();
    await new Promise((resolve) => {
      video.ontimeupdate = () => {
        if (video.currentTime > 1) resolve(undefined);
      };
    });
    return first;
  });
  await other.close();
  // What `select` lets through comes in the order of the stream.
  const inOrder = [...pictures].sort((a, b) => a - b);
  const far = inOrder.map((_, at) =>
    seen.reduce((sum, value, pixel) => sum + Math.abs(value - raw[at * seen.length + pixel]!), 0),
  );
  return pictures.indexOf(inOrder[far.indexOf(Math.min(...far))]!);
}

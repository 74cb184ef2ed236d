// Serves single JPEGs of a camera over HTTP, and an endless MJPEG stream for an `<img>`.

import type { ServerResponse } from 'node:http';
import { NvrError } from '../../../lib/errors.js';
import type { StillPicture } from '../../../lib/nvr/view/still-feed.js';
import { answerUntilGone, sendJson, written } from './answers.js';

const MIN_WIDTH = 16;
const MAX_WIDTH = 4096;
/** Interval of MJPEG pictures, and most simultaneous MJPEG streams. */
const MJPEG_PERIOD_MS = 500;
const MAX_MJPEG = 16;
const BOUNDARY = 'nvr-picture';
/** Most simultaneous pictures of past moments; each needs a playback run on the NVR. */
const MAX_PAST = 2;

export interface PictureWish {
  /** In pixels; undefined: the size that the camera sends. */
  readonly width: number | undefined;
  /** A past moment as given in the request. */
  readonly at?: string;
}

/** Takes a JPEG of a camera. */
export type TakePicture = (wish: PictureWish, signal: AbortSignal) => Promise<StillPicture>;

/** The pictures of one site. */
export class Pictures {
  private mjpegs = 0;
  private past = 0;

  /** `url` may have `?width=` in pixels, and `?at=` for a past moment. Never rejects. */
  async still(url: string, response: ServerResponse, take: TakePicture): Promise<void> {
    await answerUntilGone(response, async (signal) => {
      const wish = wishOf(url);
      const { data, time } = await (wish.at === undefined
        ? take(wish, signal)
        : this.ofPast(wish, take, signal));
      const headers = { 'Content-Type': 'image/jpeg', 'Content-Length': data.length };
      response.writeHead(200, { ...headers, 'X-Picture-Time': new Date(time).toISOString() }).end(data);
    });
  }

  private async ofPast(wish: PictureWish, take: TakePicture, signal: AbortSignal): Promise<StillPicture> {
    if (this.past >= MAX_PAST)
      throw new NvrError('EBUSY', `At most ${MAX_PAST} past pictures are fetched at once; ask again.`);
    this.past++;
    try {
      return await take(wish, signal);
    } finally {
      this.past--;
    }
  }

  /** Makes the next picture when the last one was received. Never rejects. */
  async mjpeg(url: string, response: ServerResponse, take: TakePicture): Promise<void> {
    if (this.mjpegs >= MAX_MJPEG) {
      const reason = `At most ${MAX_MJPEG} MJPEG pages are served at once.`;
      sendJson(response, 503, { code: 'EBUSY', reason });
      return;
    }
    this.mjpegs++;
    response.once('close', () => this.mjpegs--);
    response.on('error', () => undefined);
    await answerUntilGone(response, async (signal) => {
      const { width, at } = wishOf(url);
      if (at !== undefined) throw new NvrError('EINPUT', 'at is for a single picture.');
      while (!signal.aborted) {
        const { data } = await take({ width }, signal);
        if (!response.headersSent)
          response.writeHead(200, { 'Content-Type': `multipart/x-mixed-replace; boundary=${BOUNDARY}` });
        const head = `--${BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: ${data.length}\r\n\r\n`;
        await written(response, Buffer.concat([Buffer.from(head), data, Buffer.from('\r\n')]), signal);
        await new Promise((resolve) => setTimeout(resolve, MJPEG_PERIOD_MS));
      }
    });
  }
}

function wishOf(url: string): PictureWish {
  const query = new URLSearchParams(url.split('?')[1] ?? '');
  const at = query.get('at') ?? '';
  return { width: widthOf(query.get('width')), ...(at !== '' && { at }) };
}

function widthOf(given: string | null): number | undefined {
  if (given === null || given === '') return undefined;
  const width = Number(given);
  if (!Number.isInteger(width) || width < MIN_WIDTH || width > MAX_WIDTH)
    throw new NvrError('EINPUT', `width must be a whole number from ${MIN_WIDTH} to ${MAX_WIDTH}.`);
  return width;
}

// Single JPEGs of a camera over HTTP, and JPEGs without end for an `<img>`.

import type { ServerResponse } from 'node:http';
import { NvrError } from '../../../lib/errors.js';
import type { StillPicture } from '../../../lib/nvr/view/still-feed.js';
import { answerUntilGone, sendJson, written } from './answers.js';

const MIN_WIDTH = 16;
const MAX_WIDTH = 4096;
/** Between two pictures of an MJPEG answer, and how many pages may have one. */
const MJPEG_PERIOD_MS = 500;
const MAX_MJPEG = 16;
const BOUNDARY = 'nvr-picture';

/** A JPEG of a camera, scaled to a width in pixels where one is given. */
export type TakePicture = (width: number | undefined, signal: AbortSignal) => Promise<StillPicture>;

/** The pictures of one site. */
export class Pictures {
  private mjpegs = 0;

  /** `url`: with `?width=`, in pixels. Never rejects. */
  async still(url: string, response: ServerResponse, take: TakePicture): Promise<void> {
    await answerUntilGone(response, async (signal) => {
      const { data } = await take(widthOf(url), signal);
      response.writeHead(200, { 'Content-Type': 'image/jpeg', 'Content-Length': data.length }).end(data);
    });
  }

  /** The next picture is made when the last has been taken. Never rejects. */
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
      const width = widthOf(url);
      while (!signal.aborted) {
        const { data } = await take(width, signal);
        if (!response.headersSent)
          response.writeHead(200, { 'Content-Type': `multipart/x-mixed-replace; boundary=${BOUNDARY}` });
        const head = `--${BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: ${data.length}\r\n\r\n`;
        await written(response, Buffer.concat([Buffer.from(head), data, Buffer.from('\r\n')]), signal);
        await new Promise((resolve) => setTimeout(resolve, MJPEG_PERIOD_MS));
      }
    });
  }
}

/** Undefined: as the camera sends it. */
function widthOf(url: string): number | undefined {
  const at = url.indexOf('?');
  const given = at < 0 ? null : new URLSearchParams(url.slice(at + 1)).get('width');
  if (given === null || given === '') return undefined;
  const width = Number(given);
  if (!Number.isInteger(width) || width < MIN_WIDTH || width > MAX_WIDTH)
    throw new NvrError('EINPUT', `width must be a whole number from ${MIN_WIDTH} to ${MAX_WIDTH}.`);
  return width;
}

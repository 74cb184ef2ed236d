// Reads the numbers of shown pictures in a page: to be run in a browser before the page's own scripts, so it
// holds all it needs itself.

/** One picture as the browser has shown it. */
export interface ShownPicture {
  /** Undefined where it was not read, null where it cannot be. */
  readonly number: number | null | undefined;
  /** Epoch ms at which it was to be on the screen. */
  readonly at: number;
  /** Seconds of the player's clock. */
  readonly mediaTime: number;
  /** Pictures that were shown so far, those that no script was told of included. */
  readonly presented: number;
}

/** What the probe leaves in the page's window: shown pictures by the tile's channel. */
export interface ProbeWindow {
  counterProbe: Record<string, ShownPicture[]>;
}

export interface ProbeOptions {
  readonly blocks: number;
  readonly bits: number;
  /** One picture in so many is read: it costs the browser a copy. */
  readonly every: number;
  /** Tiles that are followed: being told of pictures costs the page a share of what showing them does. */
  readonly tiles: number;
}

/** For `page.addInitScript`: follows every <nvr-video> that comes. */
export function counterProbe({ blocks, bits, every, tiles }: ProbeOptions): void {
  const shown: Record<string, ShownPicture[]> = {};
  (window as unknown as ProbeWindow).counterProbe = shown;
  const followed = new WeakSet<Element>();
  const canvas = document.createElement('canvas');
  canvas.width = blocks;
  canvas.height = 1;
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  const read = (video: HTMLVideoElement): number | null => {
    const { videoWidth: width, videoHeight: height } = video;
    const row = height - Math.floor(height / 16);
    context.drawImage(video, 0, row, width, 2, 0, 0, blocks, 1);
    const { data } = context.getImageData(0, 0, blocks, 1);
    const white = Array.from({ length: blocks }, (_, at) => data[at * 4]! > 128);
    let number = 0;
    for (let at = 1; at <= bits; at++) number = number * 2 + Number(white[at]);
    const check = blocks - 2 - bits;
    let opposite = 0;
    for (let at = 0; at < check; at++) opposite = opposite * 2 + Number(!white[2 + bits + at]);
    const holds = white[0] === true && white[bits + 1] === false && opposite === number % 2 ** check;
    return holds ? number : null;
  };
  const follow = (tile: Element): void => {
    if (followed.has(tile) || !tile.getAttribute('channel')) return;
    followed.add(tile);
    const { video } = tile as unknown as { video?: HTMLVideoElement };
    if (video === undefined || Object.keys(shown).length >= tiles) return;
    const list = (shown[tile.getAttribute('channel') ?? ''] ??= []);
    const next: VideoFrameRequestCallback = (_now, { expectedDisplayTime, mediaTime, presentedFrames }) => {
      const at = performance.timeOrigin + expectedDisplayTime;
      const number = list.length % every === 0 ? read(video) : undefined;
      list.push({ number, at, mediaTime, presented: presentedFrames });
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
  };
  new MutationObserver(() => {
    for (const tile of document.querySelectorAll('nvr-video:defined')) follow(tile);
  }).observe(document, { childList: true, subtree: true, attributes: true });
}

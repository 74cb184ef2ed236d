// Reads the numbers of displayed pictures in a page. Runs in a browser before the page's own scripts, so it
// cannot use anything from outside.

/** One picture as displayed by the browser. */
export interface ShownPicture {
  /** Undefined if it was not read, null if it is unreadable. */
  readonly number: number | null | undefined;
  /** Expected display time in epoch ms. */
  readonly at: number;
  /** Pictures displayed so far, including those for which no callback ran. */
  readonly presented: number;
}

/** The probe's result in the page's window: displayed pictures by channel of the tile. */
export interface ProbeWindow {
  counterProbe: Record<string, ShownPicture[]>;
}

export interface ProbeOptions {
  readonly blocks: number;
  readonly bits: number;
  /** Reads every nth picture, because each costs the browser a copy. */
  readonly every: number;
  /** Number of tiles to follow: the callbacks cost a fraction of displaying the pictures. */
  readonly tiles: number;
}

/** For `page.addInitScript`: follows every <nvr-video> added to the page. */
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
    const next: VideoFrameRequestCallback = (_now, { expectedDisplayTime, presentedFrames }) => {
      const at = performance.timeOrigin + expectedDisplayTime;
      const number = list.length % every === 0 ? read(video) : undefined;
      list.push({ number, at, presented: presentedFrames });
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
  };
  new MutationObserver(() => {
    for (const tile of document.querySelectorAll('nvr-video:defined')) follow(tile);
  }).observe(document, { childList: true, subtree: true, attributes: true });
}

// Part of nvr-video.js: style sheet and icons of a tile.

/** Drawn, because not every machine's fonts have such signs. */
const icon = (path) =>
  `<svg viewBox="0 0 24 24" width="18" height="18" fill="currentColor" fill-rule="evenodd"><path d="${path}"/></svg>`;
const SPEAKER = 'M3 9v6h4l5 5V4L7 9z';
const ICONS = {
  sound: icon(`${SPEAKER}M15 8a5 5 0 0 1 0 8z`),
  mute: icon(`${SPEAKER}M15 10l1.5-1.5 2 2 2-2L22 10l-2 2 2 2-1.5 1.5-2-2-2 2L15 14l2-2z`),
  pip: icon('M2 4h20v16H2zm2 2v12h16V6zm7 5h8v6h-8z'),
  fullScreen: icon('M3 3h7v2H5v5H3zm11 0h7v7h-2V5h-5zM3 14h2v5h5v2H3zm16 0h2v7h-7v-2h5z'),
};

const style = new CSSStyleSheet();
style.replaceSync(`
  :host { display: block; position: relative; overflow: hidden; background: #000; color: #fff; font: 13px/1.4 system-ui, sans-serif; container-type: size; }
  video, img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
  [hidden] { display: none !important; }
  .bar { position: absolute; inset: 0 0 auto 0; display: flex; gap: 8px; justify-content: space-between; padding: 4px 8px; background: linear-gradient(#000a, #0000); text-shadow: 0 1px 2px #000; pointer-events: none; }
  .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 600; }
  .time { font-variant-numeric: tabular-nums; white-space: nowrap; }
  .words { position: absolute; inset: auto 0 8px 0; padding: 6px 8px; background: #000b; text-align: center; }
  .tools { position: absolute; inset: 30px 4px auto auto; display: flex; gap: 4px; opacity: 0; transition: opacity .15s; }
  :host(:hover) .tools, :host(:focus-within) .tools { opacity: 1; }
  @media (hover: none) { .tools { opacity: 1; } }
  button { min-width: 32px; height: 32px; border: 0; border-radius: 4px; background: #000a; color: #fff; font: inherit; cursor: pointer; display: grid; place-items: center; }
  button:focus-visible { outline: 2px solid #4aa3ff; }
  @container (max-height: 90px) { .tools { display: none; } }
`);

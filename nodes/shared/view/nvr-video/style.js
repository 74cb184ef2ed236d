// Part of nvr-video.js: style sheet of a tile.

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
  button { min-width: 32px; height: 32px; border: 0; border-radius: 4px; background: #000a; color: #fff; font: inherit; cursor: pointer; }
  button:focus-visible { outline: 2px solid #4aa3ff; }
  @container (max-height: 90px) { .tools { display: none; } }
`);

// The page of a view node: a grid of its cameras. A click, a key or a message to the node enlarges one of
// them.
(() => {
  'use strict';
  const grid = document.getElementById('grid');
  const connection = window.nvrFlow.connectionTo(new URL('./', document.baseURI).href);
  let tiles = [];
  let large;

  document.documentElement.lang = navigator.language.startsWith('de') ? 'de' : 'en';

  function columns() {
    const given = Number(connection.hello?.layout);
    if (given > 0) return given;
    const count = Math.max(1, tiles.length);
    if (innerWidth < 600) return count > 6 ? 2 : 1;
    // Finds the number of columns that makes 16:9 tiles largest in this window.
    let best = 1;
    let most = 0;
    for (let across = 1; across <= count; across++) {
      const width = Math.min(innerWidth / across, (innerHeight / Math.ceil(count / across)) * (16 / 9));
      if (width > most) [best, most] = [across, width];
    }
    return best;
  }

  function lay() {
    const across = large === undefined ? columns() : 1;
    grid.style.gridTemplateColumns = `repeat(${across}, minmax(0, 1fr))`;
    grid.classList.toggle('large', large !== undefined);
    const scrolls = large === undefined && innerWidth < 600;
    grid.classList.toggle('scrolls', scrolls);
    for (const [index, tile] of tiles.entries()) tile.classList.toggle('shown', index === large);
  }

  /** Shows one camera enlarged with its main stream, or all of them. */
  function show(index) {
    if (large !== undefined && large !== index) {
      tiles[large]?.removeAttribute('stream');
      tiles[large]?.live();
      tiles[large]?.firstElementChild?.removeAttribute('full');
    }
    large = index;
    if (index !== undefined) tiles[index].firstElementChild?.setAttribute('full', '');
    if (index !== undefined) tiles[index].setAttribute('stream', 'main');
    lay();
    // Keep the focus if it is inside the tile, for example on the time line.
    const tile = tiles[index ?? 0];
    if (tile?.contains(document.activeElement) === false) tile.focus();
  }

  function begin({ cameras }) {
    const before = tiles.map((tile) => tile.getAttribute('channel')).join();
    const after = cameras.map(({ channel }) => String(channel)).join();
    if (before === after) return;
    large = undefined;
    tiles = cameras.map(({ channel, name }, index) => {
      const tile = document.createElement('nvr-video');
      tile.setAttribute('src', './');
      tile.setAttribute('channel', String(channel));
      tile.tabIndex = 0;
      tile.setAttribute('role', 'button');
      tile.setAttribute('aria-label', name);
      tile.append(document.createElement('nvr-timeline'));
      // Recordings are shown enlarged.
      tile.addEventListener('replay', () => large === index || show(index));
      tile.addEventListener('click', () => show(large === index ? undefined : index));
      return tile;
    });
    // Add the new elements first: the connection closes when its last element is removed.
    const old = [...grid.children];
    grid.append(...tiles);
    for (const tile of old) tile.remove();
    lay();
  }

  addEventListener('resize', lay);
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const at = tiles.indexOf(document.activeElement);
    // A button of the tile takes these itself.
    if (at >= 0 && event.composedPath()[0] !== tiles[at] && (event.key === 'Enter' || event.key === ' '))
      return;
    const across = large === undefined ? columns() : 1;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across };
    if (event.key in steps) {
      const next = (large ?? at) + steps[event.key];
      if (next < 0 || next >= tiles.length) return;
      if (large === undefined) tiles[next].focus();
      else show(next);
    } else if (event.key === 'Enter' || event.key === ' ') {
      if (at >= 0) show(large === at ? undefined : at);
    } else if (event.key === 'Escape') show(undefined);
    else if (event.key === 'f' && at >= 0) tiles[at].fullScreen();
    else if (event.key === 'm' && at >= 0) tiles[at].toggleSound();
    else if (/^[1-9]$/.test(event.key) && Number(event.key) <= tiles.length) show(Number(event.key) - 1);
    else return;
    event.preventDefault();
  });
  connection.events.addEventListener('hello', ({ detail }) => begin(detail));
  connection.events.addEventListener('show', ({ detail }) => show(detail.camera));

  // The first element opens the connection. It shows nothing, and is replaced once the cameras are known.
  const opener = document.createElement('nvr-video');
  opener.setAttribute('src', './');
  opener.setAttribute('channel', '');
  grid.append(opener);
})();

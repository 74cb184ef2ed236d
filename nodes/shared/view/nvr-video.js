// <nvr-video src="/nvr/view/gate" channel="1">: a camera of a view node, moving, in any page. One file, no build step.
//
// All elements of one src share one streamed answer (records: see lib/nvr/view/records.ts). Each camera is played by Media Source Extensions, held a
// few hundredths of a second behind the live edge by small changes of the playback rate; where the browser cannot play it, as a picture a second.
(() => {
  'use strict';
  if (customElements.get('nvr-video') !== undefined) return;

  const KINDS = ['', 'hello', 'init', 'picture', 'sound', 'jpeg', 'state', 'show', 'skipped', 'alive'];
  const KEYFRAME = 1;
  const SOUND = 8;
  const HEAD = 8;
  /** Nothing for so long, not even a sign of life: the connection is dead. */
  const DEAD_MS = 12_000;
  const RETRY_MS = [300, 1_000, 2_000, 5_000];
  /** Seconds behind the live edge, and with sound. */
  const BEHIND = 0.05;
  const BEHIND_WITH_SOUND = 0.15;
  /** Further behind than this, in seconds, is made up for at once. */
  const FAR_BEHIND = 1.5;
  const KEEP_SECONDS = 10;

  const TEXTS = {
    en: {
      connecting: 'Connecting …',
      reconnecting: 'The camera does not answer; trying again',
      error: 'No picture',
      stopped: 'Stopped',
      lost: 'Connection to Node-RED lost; trying again',
      full: 'Too many pages are open',
      absent: 'This page has no such camera',
      stills: 'one picture a second',
      skipped: 'pictures left out',
      waiting: 'Waiting for a picture …',
    },
    de: {
      connecting: 'Verbinde …',
      reconnecting: 'Die Kamera antwortet nicht; neuer Versuch',
      error: 'Kein Bild',
      stopped: 'Angehalten',
      lost: 'Verbindung zu Node-RED verloren; neuer Versuch',
      full: 'Zu viele Seiten sind offen',
      absent: 'Diese Seite hat keine solche Kamera',
      stills: 'ein Bild je Sekunde',
      skipped: 'Bilder ausgelassen',
      waiting: 'Warte auf ein Bild …',
    },
  };
  const language = () =>
    (document.documentElement.lang || navigator.language).startsWith('de') ? 'de' : 'en';
  const text = (key) => TEXTS[language()][key] ?? key;

  const Source = window.ManagedMediaSource ?? window.MediaSource;
  const plays = (mime) => Source !== undefined && Source.isTypeSupported(mime);

  // ---- The connection: one per view node and page ----

  const connections = new Map();

  function connectionTo(base) {
    const known = connections.get(base) ?? new Connection(base);
    connections.set(base, known);
    return known;
  }

  class Connection {
    constructor(base) {
      this.base = base;
      this.elements = new Set();
      this.cameras = undefined;
      this.hello = undefined;
      this.viewer = undefined;
      this.tries = 0;
      this.events = new EventTarget();
    }

    add(element) {
      this.elements.add(element);
      if (this.elements.size === 1) this.open();
      else if (this.cameras !== undefined) element.meet();
    }

    remove(element) {
      this.elements.delete(element);
      if (this.elements.size > 0) {
        this.wish();
        return;
      }
      this.stop?.abort();
      clearTimeout(this.timer);
      clearInterval(this.watch);
      connections.delete(this.base);
    }

    /** Tells the server what is seen, a moment later: tiles come into sight together. */
    wish() {
      if (this.wishing !== undefined) return;
      this.wishing = setTimeout(() => {
        this.wishing = undefined;
        if (this.viewer === undefined) return;
        const wishes = new Map();
        for (const element of this.elements) {
          const wish = element.wish();
          if (wish !== undefined) wishes.set(wish.camera, wish);
        }
        fetch(this.base + 'want', {
          method: 'POST',
          credentials: 'include',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ viewer: this.viewer, wishes: [...wishes.values()] }),
        }).then(
          (answer) => answer.status === 404 && this.stop?.abort(),
          () => undefined,
        );
      }, 20);
    }

    async open() {
      this.stop = new AbortController();
      this.heardAt = performance.now();
      clearInterval(this.watch);
      this.watch = setInterval(() => {
        if (performance.now() - this.heardAt > DEAD_MS) this.stop.abort();
      }, 2_000);
      let problem = 'lost';
      try {
        const answer = await fetch(this.base + 'stream', {
          credentials: 'include',
          signal: this.stop.signal,
        });
        if (answer.status === 503) problem = 'full';
        if (!answer.ok) throw new Error(String(answer.status));
        await this.read(answer.body.getReader());
      } catch {
        // The reader of a page that is left ends here too.
      }
      this.viewer = undefined;
      if (this.elements.size === 0) return;
      for (const element of this.elements) element.lost(problem);
      const wait = RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)];
      this.timer = setTimeout(() => this.open(), wait);
    }

    async read(reader) {
      let rest = new Uint8Array(0);
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.heardAt = performance.now();
        let data = value;
        if (rest.length > 0) {
          data = new Uint8Array(rest.length + value.length);
          data.set(rest);
          data.set(value, rest.length);
        }
        let at = 0;
        while (data.length - at >= HEAD) {
          const view = new DataView(data.buffer, data.byteOffset + at);
          const size = view.getUint32(0);
          if (data.length - at < HEAD + size) break;
          const body = data.subarray(at + HEAD, at + HEAD + size);
          this.take(KINDS[view.getUint8(4)], view.getUint8(5), view.getUint16(6), body);
          at += HEAD + size;
        }
        rest = data.slice(at);
      }
    }

    take(kind, flags, camera, body) {
      if (kind === 'alive') return;
      if (kind === 'hello' || kind === 'show') {
        const value = JSON.parse(new TextDecoder().decode(body));
        if (kind === 'hello') this.begin(value);
        this.events.dispatchEvent(new CustomEvent(kind, { detail: value }));
        return;
      }
      for (const element of this.elements) if (element.camera === camera) element.take(kind, flags, body);
    }

    begin(hello) {
      this.tries = 0;
      this.hello = hello;
      this.viewer = hello.viewer;
      this.cameras = hello.cameras;
      for (const element of this.elements) element.meet();
      this.wish();
    }
  }

  // ---- The player: one track of one camera in a media element ----

  class Player {
    /** `behind`: seconds behind the live edge; `fail` is told that this browser cannot go on. */
    constructor(media, mime, behind, fail) {
      this.media = media;
      this.behind = behind;
      this.fail = fail;
      this.queue = [];
      /** Seconds of the player's clock that one's own clock is ahead of, at the stream's least delay. */
      this.offset = undefined;
      this.edge = 0;
      this.stalls = 0;
      this.wall = [];
      this.source = new Source();
      this.source.addEventListener('sourceopen', () => {
        if (this.buffer !== undefined || this.over) return;
        URL.revokeObjectURL(this.url);
        this.buffer = this.source.addSourceBuffer(mime);
        this.buffer.addEventListener('updateend', () => this.feed());
        this.buffer.addEventListener('error', () => this.fail());
        this.feed();
      });
      media.addEventListener('error', (this.onError = () => this.fail()));
      media.addEventListener('waiting', (this.onWaiting = () => this.stalls++));
      this.url = URL.createObjectURL(this.source);
      if (window.ManagedMediaSource !== undefined) media.disableRemotePlayback = true;
      media.src = this.url;
      this.timer = setInterval(() => this.steer(), 50);
    }

    /** An initialization segment. */
    begin(segment) {
      this.queue.push(segment.slice());
      this.feed();
    }

    /** A fragment that is shown at `shownAt` (seconds of the player's clock); `live`: just come from the camera. */
    take(wallTime, shownAt, fragment, live) {
      this.queue.push(fragment.slice());
      this.edge = Math.max(this.edge, shownAt);
      this.wall.push([shownAt, wallTime]);
      if (this.wall.length > 400) this.wall.splice(0, 200);
      if (live) {
        const offset = performance.now() / 1000 - shownAt;
        // Down at once, up slowly: the least delay seen of late.
        if (this.offset === undefined || offset < this.offset) this.offset = offset;
        else this.offset += Math.min(offset - this.offset, 0.002);
      }
      this.feed();
    }

    feed() {
      const { buffer, queue } = this;
      if (buffer === undefined || buffer.updating || this.source.readyState !== 'open') return;
      try {
        const buffered = buffer.buffered;
        const old = this.media.currentTime - KEEP_SECONDS;
        if (buffered.length > 0 && buffered.start(0) < old - KEEP_SECONDS) {
          buffer.remove(0, old);
          return;
        }
        if (queue.length === 0) return;
        const size = queue.reduce((sum, part) => sum + part.length, 0);
        const all = new Uint8Array(size);
        let at = 0;
        for (const part of queue) {
          all.set(part, at);
          at += part.length;
        }
        this.queue = [];
        buffer.appendBuffer(all);
      } catch {
        this.fail();
      }
    }

    /** Keeps the media element a little behind the live edge. */
    steer() {
      const { media, edge, offset, buffer } = this;
      if (buffer === undefined || buffer.buffered.length === 0 || edge === 0) return;
      const live = offset === undefined ? edge : Math.min(edge + 0.5, performance.now() / 1000 - offset);
      const target = live - this.behind - Math.min(0.25, this.stalls * 0.02);
      const first = buffer.buffered.start(buffer.buffered.length - 1);
      const lag = target - media.currentTime;
      if (lag > FAR_BEHIND || media.currentTime < first || lag < -FAR_BEHIND)
        media.currentTime = Math.max(first, Math.min(target, edge));
      const rate = Math.abs(lag) < 0.01 ? 1 : Math.max(0.9, Math.min(1.5, 1 + lag));
      if (Math.abs(media.playbackRate - rate) > 0.01) media.playbackRate = rate;
      if (media.paused && !document.hidden) media.play().catch(() => undefined);
    }

    /** Epoch ms of the picture on screen. */
    wallTime() {
      const now = this.media.currentTime + 0.001;
      let found;
      for (const [shownAt, wallTime] of this.wall) if (shownAt <= now) found = wallTime;
      return found ?? this.wall[0]?.[1];
    }

    close() {
      this.over = true;
      clearInterval(this.timer);
      this.media.removeEventListener('error', this.onError);
      this.media.removeEventListener('waiting', this.onWaiting);
      this.media.removeAttribute('src');
      this.media.load();
    }
  }

  // ---- The element ----

  const style = new CSSStyleSheet();
  style.replaceSync(`
    :host { display: block; position: relative; overflow: hidden; background: #000; color: #fff; font: 13px/1.4 system-ui, sans-serif; container-type: size; }
    video, img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
    [hidden] { display: none !important; }
    .bar { position: absolute; inset: 0 0 auto 0; display: flex; gap: 8px; justify-content: space-between; padding: 4px 8px; background: linear-gradient(#000a, #0000); text-shadow: 0 1px 2px #000; pointer-events: none; }
    .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 600; }
    .time { font-variant-numeric: tabular-nums; white-space: nowrap; }
    .words { position: absolute; inset: auto 0 0 0; padding: 6px 8px; background: #000b; text-align: center; }
    .tools { position: absolute; inset: auto 4px 4px auto; display: flex; gap: 4px; opacity: 0; transition: opacity .15s; }
    :host(:hover) .tools, :host(:focus-within) .tools { opacity: 1; }
    .words:not([hidden]) ~ .tools { bottom: 36px; }
    button { min-width: 32px; height: 32px; border: 0; border-radius: 4px; background: #000a; color: #fff; font: inherit; cursor: pointer; }
    button:focus-visible { outline: 2px solid #4aa3ff; }
    @container (max-height: 90px) { .tools { display: none; } }
  `);

  class NvrVideo extends HTMLElement {
    static observedAttributes = ['src', 'channel', 'stream'];

    constructor() {
      super();
      const root = this.attachShadow({ mode: 'open' });
      root.adoptedStyleSheets = [style];
      const make = (name, className) => {
        const part = document.createElement(name);
        if (className !== undefined) part.className = className;
        return part;
      };
      this.video = make('video');
      this.video.muted = true;
      this.video.playsInline = true;
      this.image = make('img');
      this.image.hidden = true;
      this.image.alt = '';
      const bar = make('div', 'bar');
      this.nameText = make('span', 'name');
      this.timeText = make('span', 'time');
      bar.append(this.nameText, this.timeText);
      this.words = make('div', 'words');
      this.words.setAttribute('role', 'status');
      this.tools = make('div', 'tools');
      this.soundButton = this.tool('🔇', 'sound', () => this.toggleSound());
      this.soundButton.hidden = true;
      if (document.pictureInPictureEnabled) this.tool('⧉', 'pip', () => this.pip());
      if (document.fullscreenEnabled) this.tool('⛶', 'full', () => this.fullScreen());
      root.append(this.video, this.image, bar, this.words, this.tools);
      this.as = 'video';
      this.inSight = false;
      this.skipped = 0;
      this.onVisible = () => this.connection?.wish();
    }

    tool(sign, key, run) {
      const words = {
        en: { sound: 'Sound', pip: 'Picture in picture', full: 'Full screen' },
        de: { sound: 'Ton', pip: 'Bild im Bild', full: 'Vollbild' },
      };
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = sign;
      button.title = words[language()][key];
      button.setAttribute('aria-label', button.title);
      button.addEventListener('click', (event) => {
        event.stopPropagation();
        run();
      });
      this.tools.append(button);
      return button;
    }

    connectedCallback() {
      this.say('connecting');
      this.sight = new IntersectionObserver(([entry]) => {
        this.inSight = entry.isIntersecting;
        this.connection?.wish();
      });
      this.sight.observe(this);
      document.addEventListener('visibilitychange', this.onVisible);
      this.clock = setInterval(() => this.showTime(), 200);
      this.join();
    }

    disconnectedCallback() {
      this.sight.disconnect();
      document.removeEventListener('visibilitychange', this.onVisible);
      clearInterval(this.clock);
      this.part();
    }

    attributeChangedCallback(name, before, after) {
      if (!this.isConnected || before === after) return;
      if (name === 'src') {
        this.part();
        this.join();
      } else if (name === 'channel') {
        this.reset();
        this.meet();
      } else {
        // The picture stays until the other stream's first one has come.
        this.connection?.wish();
      }
    }

    join() {
      const src = this.getAttribute('src') ?? '.';
      this.connection = connectionTo(new URL(src.endsWith('/') ? src : src + '/', document.baseURI).href);
      this.connection.add(this);
    }

    part() {
      this.connection?.remove(this);
      this.connection = undefined;
      this.reset();
    }

    /** The cameras are known: which one is this? */
    meet() {
      const { cameras } = this.connection ?? {};
      if (cameras === undefined) return;
      const wanted = (this.getAttribute('channel') ?? String(cameras[0]?.channel)).trim().toLowerCase();
      const index = cameras.findIndex(
        ({ channel, name }) => name.toLowerCase() === wanted || String(channel) === wanted,
      );
      this.camera = index < 0 ? undefined : index;
      this.nameText.textContent = index < 0 ? '' : cameras[index].name;
      this.video.setAttribute('aria-label', this.nameText.textContent);
      if (index < 0) this.say('absent');
      this.connection.wish();
    }

    /** What the server is asked for this element; undefined: nothing. */
    wish() {
      if (this.camera === undefined || document.hidden || !this.inSight) {
        if (this.player !== undefined || !this.image.hidden) this.reset();
        return undefined;
      }
      const stream = this.getAttribute('stream') ?? this.connection.hello.stream;
      return { camera: this.camera, stream: stream === 'main' ? 'main' : 'dual', as: this.as };
    }

    take(kind, flags, body) {
      const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
      if (kind === 'init') {
        const length = view.getUint16(0);
        const mime = new TextDecoder().decode(body.subarray(2, 2 + length));
        this.begin(mime, body.subarray(2 + length), (flags & SOUND) !== 0);
      } else if (kind === 'picture' || kind === 'sound') {
        const player = kind === 'picture' ? this.player : this.soundPlayer;
        const shownAt = view.getFloat64(8) / 1000;
        player?.take(view.getFloat64(0), shownAt, body.subarray(16), (flags & 2) === 0);
        if (kind === 'picture') this.pictureCame();
      } else if (kind === 'jpeg') this.showJpeg(view.getFloat64(0), body.subarray(8));
      else {
        const value = JSON.parse(new TextDecoder().decode(body));
        if (kind === 'skipped') this.hint(`${value.pictures} ${text('skipped')}`);
        else this.onState(value);
      }
    }

    begin(mime, segment, isSound) {
      if (isSound) {
        this.soundMime = plays(mime) ? mime : undefined;
        this.soundSegment = segment.slice();
        this.soundButton.hidden = this.soundMime === undefined || this.connection.hello.sound !== true;
        if (this.soundOn) this.openSound();
        return;
      }
      this.reset();
      if (!plays(mime)) {
        this.asStills();
        return;
      }
      this.player = new Player(this.video, mime, this.soundOn ? BEHIND_WITH_SOUND : BEHIND, () =>
        this.again(),
      );
      this.player.begin(segment);
    }

    /** The player failed: it is set up anew, and after three times in a minute pictures are asked for instead. */
    again() {
      const now = performance.now();
      this.failures = [...(this.failures ?? []).filter((at) => now - at < 60_000), now];
      this.reset();
      if (this.failures.length >= 3) this.asStills();
      else this.rejoin();
    }

    /** Leaves the stream and comes back, so that it begins anew. */
    rejoin() {
      const { camera } = this;
      this.camera = undefined;
      this.connection?.wish();
      setTimeout(() => {
        this.camera = camera;
        this.connection?.wish();
      }, 200);
    }

    asStills() {
      this.as = 'still';
      this.hint(text('stills'));
      this.connection?.wish();
    }

    showJpeg(wallTime, jpeg) {
      const url = URL.createObjectURL(new Blob([jpeg.slice()], { type: 'image/jpeg' }));
      const before = this.image.src;
      this.image.onload = () => before !== '' && URL.revokeObjectURL(before);
      this.image.src = url;
      this.image.hidden = false;
      this.jpegTime = wallTime;
      this.say('');
      this.pictures = (this.pictures ?? 0) + 1;
    }

    pictureCame() {
      if (this.shown) return;
      this.shown = true;
      this.say('');
    }

    onState({ state, code, reason }) {
      if (state === 'warning') {
        if (!this.shown && this.image.hidden) this.say('error', code, reason);
        return;
      }
      if (state === 'playing') {
        if (!this.shown) this.say('waiting');
      } else {
        this.shown = false;
        this.say(state, code, reason);
      }
    }

    lost(problem) {
      this.shown = false;
      this.say(problem);
    }

    reset() {
      this.player?.close();
      this.player = undefined;
      this.soundPlayer?.close();
      this.soundPlayer = undefined;
      this.shown = false;
      this.image.hidden = true;
      this.jpegTime = undefined;
    }

    say(key, code, reason) {
      const words = key === '' ? this.hinted : text(key) + (code === undefined ? '' : ` (${code})`);
      this.words.textContent = words ?? '';
      this.words.title = reason ?? '';
      this.words.hidden = !words;
      this.dataset.state = key === '' ? 'playing' : key;
    }

    /** A few words that go away, or stay with stills. */
    hint(words) {
      this.hinted = words;
      this.say(this.dataset.state === 'playing' ? '' : this.dataset.state);
      clearTimeout(this.hinting);
      if (this.as === 'still') return;
      this.hinting = setTimeout(() => {
        this.hinted = undefined;
        if (this.dataset.state === 'playing') this.say('');
      }, 4_000);
    }

    showTime() {
      const time = this.player?.wallTime() ?? this.jpegTime;
      this.timeText.textContent = time === undefined ? '' : new Date(time).toLocaleTimeString(language());
    }

    toggleSound() {
      this.soundOn = !this.soundOn;
      this.soundButton.textContent = this.soundOn ? '🔊' : '🔇';
      if (this.player !== undefined) this.player.behind = this.soundOn ? BEHIND_WITH_SOUND : BEHIND;
      if (this.soundOn) this.openSound();
      else {
        this.soundPlayer?.close();
        this.soundPlayer = undefined;
      }
    }

    openSound() {
      this.soundPlayer?.close();
      this.soundPlayer = undefined;
      if (this.soundMime === undefined || this.player === undefined) return;
      this.audio ??= new Audio();
      this.soundPlayer = new Player(this.audio, this.soundMime, BEHIND_WITH_SOUND, () => {
        this.soundPlayer?.close();
        this.soundPlayer = undefined;
      });
      this.soundPlayer.begin(this.soundSegment);
    }

    pip() {
      if (document.pictureInPictureElement === this.video) void document.exitPictureInPicture();
      else this.video.requestPictureInPicture().catch(() => undefined);
    }

    fullScreen() {
      if (document.fullscreenElement !== null) void document.exitFullscreen();
      else this.requestFullscreen().catch(() => undefined);
    }
  }

  customElements.define('nvr-video', NvrVideo);
  window.nvrFlow = { connectionTo };
})();

// Part of nvr-video.js: the custom element, a tile with the camera's picture, name and time, or a message if
// there is no picture.

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
    this.video.addEventListener('leavepictureinpicture', () => this.connection?.wish());
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
    this.soundButton = this.tool(ICONS.mute, 'sound', () => this.toggleSound());
    this.soundButton.hidden = true;
    if (document.pictureInPictureEnabled) this.tool(ICONS.pip, 'pip', () => this.pip());
    if (document.fullscreenEnabled) this.tool(ICONS.fullScreen, 'fullScreen', () => this.fullScreen());
    root.append(this.video, this.image, bar, this.words, this.tools, make('slot'));
    this.as = 'video';
    this.inSight = false;
    this.skipped = 0;
    this.onVisible = () => this.connection?.wish();
  }

  tool(icon, key, run) {
    const button = document.createElement('button');
    button.type = 'button';
    button.innerHTML = icon;
    button.title = text(key);
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
    // For an element that was in the page before this script ran, this is called before `connectedCallback`.
    if (this.connection === undefined || before === after) return;
    if (name === 'src') {
      this.part();
      this.join();
    } else if (name === 'channel') {
      this.reset();
      this.meet();
    } else {
      // Keep the picture until the first one of the other stream has arrived.
      this.connection?.wish();
    }
  }

  join() {
    const src = this.getAttribute('src') ?? '.';
    this.connection = connectionTo(new URL(src.endsWith('/') ? src : src + '/', document.baseURI).href);
    this.connection.add(this);
  }

  part() {
    this.endReplay();
    this.connection?.remove(this);
    this.connection = undefined;
    this.reset();
  }

  /** The list of cameras has arrived: finds this element's camera. */
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

  /** What to request from the server for this element; undefined for nothing. */
  wish() {
    if (this.replay !== undefined) return undefined;
    const isSeen = this.isInPip() || (!document.hidden && this.inSight);
    if (this.camera === undefined || !isSeen) {
      if (this.player !== undefined || !this.image.hidden) this.reset();
      return undefined;
    }
    const stream = this.getAttribute('stream') ?? this.connection.hello.stream;
    return { camera: this.camera, stream: stream === 'main' ? 'main' : 'dual', as: this.as };
  }

  take(kind, flags, body) {
    // Ignore live data that arrives after the recording was requested.
    if (this.replay !== undefined) return;
    if (kind === 'init') {
      const { mime, segment } = initOf(body);
      this.begin(mime, segment, (flags & SOUND) !== 0);
    } else if (kind === 'picture') {
      give(this.player, flags, body);
      this.pictureCame();
    } else if (kind === 'sound') give(this.soundPlayer, flags, body);
    else if (kind === 'jpeg')
      this.showJpeg(new DataView(body.buffer, body.byteOffset).getFloat64(0), body.subarray(8));
    else {
      const value = JSON.parse(new TextDecoder().decode(body));
      if (kind === 'skipped') this.hint(`${value.pictures} ${text('skipped')}`);
      else this.onState(value);
    }
  }

  /**
   * Shows the recording from a time (epoch ms) on instead of live pictures: from the given clip of this
   * machine, else from the NVR.
   */
  replayFrom(time, clip) {
    const isSame = clip === undefined ? this.replay instanceof Replay : this.replay?.clip?.id === clip.id;
    if (!isSame) {
      const { paused = false, speed = 1 } = this.replay ?? {};
      this.reset();
      this.endReplay();
      const { base, cameras } = this.connection;
      const report = (state, code, reason) => this.onReplay(state, code, reason);
      const channel = cameras[this.camera].channel;
      const url = (from) => `${base}replay?channel=${channel}&from=${Math.round(from)}`;
      this.replay =
        clip === undefined
          ? new Replay(this.video, url, report)
          : new ClipReplay(this.video, `${base}clips/${clip.id}.mp4`, clip, report);
      Object.assign(this.replay, { paused, speed });
      this.connection.wish();
    }
    this.replay.seek(time);
  }

  /** Returns to live pictures. */
  live() {
    if (this.replay === undefined) return;
    this.endReplay();
    this.say('connecting');
    this.connection?.wish();
  }

  endReplay() {
    this.replay?.close();
    this.replay = undefined;
  }

  onReplay(state, code, reason) {
    if (state === 'slow') {
      this.hint(text(state));
      return;
    }
    this.shown = state === 'replaying';
    this.say(state === 'replaying' ? '' : state, code, reason);
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
    this.player =
      this.directPlayer(mime) ??
      new Player(this.video, mime, this.soundOn ? BEHIND_WITH_SOUND : BEHIND, () => this.onPlayerFailed());
    this.player.begin(segment);
  }

  /** Undefined if this browser has none, or sound needs a buffer. */
  directPlayer(mime) {
    if (!playsDirectly() || this.soundOn || this.isBuffered) return undefined;
    try {
      return new DirectPlayer(this.video, mime, () => this.buffer());
    } catch {
      this.isBuffered = true;
      return undefined;
    }
  }

  /** Plays with a buffer from now on. */
  buffer() {
    this.isBuffered = true;
    this.reset();
    this.rejoin();
  }

  /** Restarts the player; after three failures within a minute requests still pictures instead. */
  onPlayerFailed() {
    const now = performance.now();
    this.failures = [...(this.failures ?? []).filter((at) => now - at < 60_000), now];
    this.reset();
    if (this.failures.length >= 3) this.asStills();
    else this.rejoin();
  }

  /** Leaves the stream and joins it again, to start it over. */
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
    if (this.replay !== undefined) return;
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

  /** Shows a short text, which disappears unless stills are shown. */
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
    const time = this.replay?.wallTime() ?? this.player?.wallTime() ?? this.jpegTime;
    const second = time === undefined ? undefined : Math.floor(time / 1000);
    if (second === this.shownSecond) return;
    this.shownSecond = second;
    this.timeText.textContent = time === undefined ? '' : this.timeOf(time);
  }

  /** For a recording, the date is included. */
  timeOf(time) {
    const date = new Date(time);
    return this.replay === undefined ? date.toLocaleTimeString(language()) : date.toLocaleString(language());
  }

  toggleSound() {
    this.soundOn = !this.soundOn;
    this.soundButton.innerHTML = this.soundOn ? ICONS.sound : ICONS.mute;
    if (this.player !== undefined) this.player.behind = this.soundOn ? BEHIND_WITH_SOUND : BEHIND;
    if (this.soundOn && this.player instanceof DirectPlayer) {
      // Sound and picture need a common clock.
      this.reset();
      this.rejoin();
    } else if (this.soundOn) this.openSound();
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

  /** The document itself only tells the host of the shadow root. */
  isInPip() {
    return this.shadowRoot.pictureInPictureElement === this.video;
  }

  pip() {
    if (this.isInPip()) void document.exitPictureInPicture();
    else this.video.requestPictureInPicture().catch(() => undefined);
  }

  fullScreen() {
    if (document.fullscreenElement !== null) void document.exitFullscreen();
    else this.requestFullscreen().catch(() => undefined);
  }
}

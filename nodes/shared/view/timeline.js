// The time line of a camera on a view's page: shows what was recorded in the last hours, to click, drag, step
// through and save.
(() => {
  'use strict';
  const HOURS = [1, 6, 24];
  const HOUR_MS = 3_600_000;
  const READ_MS = 30_000;
  const STEP_SECONDS = 10;
  /** A click this close to an alarm's mark selects it; its clip is played from `LEAD_MS` before the alarm. */
  const NEAR_PIXELS = 6;
  const LEAD_MS = 3_000;
  const TEXTS = {
    en: {
      line: 'Time line',
      back: '10 seconds back',
      on: '10 seconds on',
      stop: 'Play or pause',
      pause: 'Pause',
      play: 'Play',
      before: 'One picture back',
      after: 'One picture on',
      alarmBefore: 'The alarm before',
      alarmAfter: 'The next alarm',
      speed: 'Speed',
      live: 'Live',
      in: 'Mark in',
      out: 'Mark out',
      save: 'Save MP4',
      saving: 'Saving …',
      missing: 's are missing',
      hours: 'Hours',
      goto: 'Go to a time',
    },
    de: {
      line: 'Zeitleiste',
      back: '10 Sekunden zurück',
      on: '10 Sekunden weiter',
      stop: 'Wiedergabe oder Pause',
      pause: 'Pause',
      play: 'Weiter',
      before: 'Ein Bild zurück',
      after: 'Ein Bild weiter',
      alarmBefore: 'Der Alarm davor',
      alarmAfter: 'Der nächste Alarm',
      speed: 'Tempo',
      live: 'Live',
      in: 'Anfang setzen',
      out: 'Ende setzen',
      save: 'MP4 speichern',
      saving: 'Speichere …',
      missing: 's fehlen',
      hours: 'Stunden',
      goto: 'Zu einer Uhrzeit',
    },
  };
  const language = () => (document.documentElement.lang === 'de' ? 'de' : 'en');
  const text = (key) => TEXTS[language()][key];
  const style = new CSSStyleSheet();
  style.replaceSync(`
    :host { position: absolute; inset: auto 0 0 0; font: 12px/1.3 system-ui, sans-serif; color: #fff; }
    .bar { position: relative; height: 8px; background: #0008; cursor: pointer; touch-action: none; }
    :host([full]) .bar { height: 28px; }
    .bar.nvr { background: repeating-linear-gradient(90deg, #2b4a66cc 0 6px, #24405acc 6px 12px); }
    .bar:focus-visible, button:focus-visible, select:focus-visible, input:focus-visible { outline: 2px solid #4aa3ff; outline-offset: -2px; }
    .part { position: absolute; top: 0; bottom: 0; min-width: 2px; background: #4aa3ff; }
    .part.segment { background: #3f8f5f; }
    .part.unfinished { background: #d08a2a; }
    .alarm { position: absolute; top: 0; bottom: 0; width: 2px; background: #ff5a4d; }
    .marked { position: absolute; top: 0; bottom: 0; background: #ffd54a66; border: solid #ffd54a; border-width: 0 2px; }
    .head { position: absolute; top: -2px; bottom: -2px; width: 3px; margin-left: -1px; background: #fff; }
    .tip { position: absolute; bottom: 100%; transform: translateX(-50%); padding: 2px 6px; margin-bottom: 4px; background: #000d; white-space: nowrap; pointer-events: none; }
    .tip img { display: block; width: 160px; height: 90px; object-fit: contain; background: #000; }
    .tools { display: none; flex-wrap: wrap; align-items: center; gap: 4px; padding: 4px; background: #000b; }
    :host([full]) .tools { display: flex; }
    .note { flex: 1; min-width: 8em; }
    [hidden] { display: none !important; }
    button, select, input { min-height: 30px; border: 0; border-radius: 4px; background: #333c; color: #fff; font: inherit; color-scheme: dark; }
    button { min-width: 34px; padding: 0 8px; cursor: pointer; }
    button:disabled { opacity: .4; cursor: default; }
  `);

  class NvrTimeline extends HTMLElement {
    static observedAttributes = ['full'];

    constructor() {
      super();
      const root = this.attachShadow({ mode: 'open' });
      root.adoptedStyleSheets = [style];
      this.hours = 6;
      this.clips = [];
      const part = (name, className, parent) => {
        const made = document.createElement(name);
        made.className = className;
        parent.append(made);
        return made;
      };
      const tools = part('div', 'tools', root);
      const tool = (sign, key, run) => {
        const button = part('button', key, tools);
        button.type = 'button';
        button.textContent = sign;
        button.title = text(key);
        button.setAttribute('aria-label', button.title);
        button.addEventListener('click', run);
        return button;
      };
      tool('!‹', 'alarmBefore', () => this.toAlarm(-1));
      tool('−10', 'back', () => this.jump(-STEP_SECONDS));
      tool('‹', 'before', () => this.step(-1));
      this.stopButton = tool(text('pause'), 'stop', () => this.toggle());
      tool('›', 'after', () => this.step(1));
      tool('+10', 'on', () => this.jump(STEP_SECONDS));
      tool('›!', 'alarmAfter', () => this.toAlarm(1));
      this.speedButton = tool('×1', 'speed', () => this.faster());
      tool(text('live'), 'live', () => this.tile.live());
      this.goTo = part('input', 'goto', tools);
      this.goTo.type = 'datetime-local';
      this.goTo.step = '1';
      this.goTo.setAttribute('aria-label', text('goto'));
      this.goTo.addEventListener(
        'change',
        () => this.goTo.value !== '' && this.play(new Date(this.goTo.value).getTime()),
      );
      this.hourSelect = part('select', 'hours', tools);
      this.hourSelect.setAttribute('aria-label', text('hours'));
      for (const hours of HOURS)
        this.hourSelect.add(new Option(`${hours} h`, String(hours), hours === 6, hours === 6));
      this.hourSelect.addEventListener('change', () => {
        this.hours = Number(this.hourSelect.value);
        this.read();
      });
      tool(text('in'), 'in', () => this.mark('in'));
      tool(text('out'), 'out', () => this.mark('out'));
      this.saveButton = tool(text('save'), 'save', () => this.save());
      this.note = part('span', 'note', tools);
      this.note.setAttribute('role', 'status');
      this.bar = part('div', 'bar', root);
      this.bar.tabIndex = 0;
      this.bar.setAttribute('role', 'slider');
      this.bar.setAttribute('aria-label', text('line'));
      this.parts = part('div', 'parts', this.bar);
      this.marked = part('div', 'marked', this.bar);
      this.head = part('div', 'head', this.bar);
      this.tip = part('div', 'tip', this.bar);
      this.tipTime = part('span', '', this.tip);
      this.tipImage = part('img', '', this.tip);
      this.tipImage.alt = '';
      this.marked.hidden = this.tip.hidden = this.tipImage.hidden = true;
      this.bar.addEventListener('pointerdown', (event) => this.bar.setPointerCapture(event.pointerId));
      this.bar.addEventListener('pointermove', (event) => this.point(event));
      this.bar.addEventListener('pointerup', (event) => {
        const { time, clip } = this.pointed(event);
        this.play(time, clip);
      });
      this.bar.addEventListener('pointerleave', () => (this.tip.hidden = true));
      this.addEventListener('click', (event) => event.stopPropagation());
      this.addEventListener('keydown', (event) => this.onKey(event));
    }

    connectedCallback() {
      this.tile = this.closest('nvr-video');
      this.read();
      this.reading = setInterval(() => document.hidden || this.read(), READ_MS);
      this.drawing = setInterval(() => this.draw(), 250);
    }

    disconnectedCallback() {
      clearInterval(this.reading);
      clearInterval(this.drawing);
    }

    get channel() {
      return this.tile.getAttribute('channel');
    }

    async read() {
      this.to = Date.now();
      this.from = this.to - this.hours * HOUR_MS;
      try {
        const answer = await fetch(`recordings.json?channel=${this.channel}&from=${this.from}&to=${this.to}`);
        if (!answer.ok) return;
        const { playback, clips } = await answer.json();
        this.clips = clips;
        this.bar.classList.toggle('nvr', playback);
        this.hidden = !playback && clips.length === 0;
        this.saveButton.hidden = !playback;
      } catch {
        // Ignored: the list is fetched again later.
      }
      this.draw();
    }

    draw() {
      const share = (time) => (time - this.from) / (this.to - this.from);
      const at = (time) => `${Math.min(100, Math.max(0, share(time) * 100))}%`;
      if (this.drawn !== this.clips || this.drawnTo !== this.to) {
        this.drawn = this.clips;
        this.drawnTo = this.to;
        this.parts.replaceChildren(
          ...this.clips.flatMap(({ start, end, kind, unfinished, alarms }) => {
            const part = document.createElement('div');
            part.className = `part ${kind}${unfinished ? ' unfinished' : ''}`;
            part.style.left = at(start);
            part.style.width = `${Math.max(0, Math.min(1, share(end)) - Math.max(0, share(start))) * 100}%`;
            const ticks = alarms.map((time) => {
              const tick = document.createElement('div');
              tick.className = 'alarm';
              tick.style.left = at(time);
              return tick;
            });
            return [part, ...ticks];
          }),
        );
      }
      const { replay } = this.tile;
      const now = replay?.wallTime() ?? this.to;
      this.head.style.left = at(now);
      this.bar.setAttribute('aria-valuemin', String(Math.round(this.from / 1000)));
      this.bar.setAttribute('aria-valuemax', String(Math.round(this.to / 1000)));
      this.bar.setAttribute('aria-valuenow', String(Math.round(now / 1000)));
      this.bar.setAttribute('aria-valuetext', this.textOf(now));
      const { in: start, out: end } = this;
      this.marked.hidden = start === undefined && end === undefined;
      this.marked.style.left = at(start ?? end);
      this.marked.style.right = `calc(100% - ${at(end ?? start)})`;
      this.saveButton.disabled = this.saving === true || !(end > start);
      this.stopButton.textContent = text(replay?.paused === true ? 'play' : 'pause');
      this.speedButton.textContent = `×${replay?.speed ?? 1}`;
      this.speedButton.disabled = this.stopButton.disabled = replay === undefined;
    }

    textOf(time) {
      return new Date(time).toLocaleString(language());
    }

    timeAt({ clientX }) {
      const { left, width } = this.bar.getBoundingClientRect();
      return this.from + Math.min(1, Math.max(0, (clientX - left) / width)) * (this.to - this.from);
    }

    /** The alarm whose mark is under the pointer, or the time there; and the clip of either. */
    pointed(event) {
      const time = this.timeAt(event);
      const near = (NEAR_PIXELS / this.bar.clientWidth) * (this.to - this.from);
      const far = ({ alarm }) => Math.abs(alarm - time);
      const [found] = this.alarms().sort((one, other) => far(one) - far(other));
      return found !== undefined && far(found) <= near ? found : { time, clip: this.clipAt(time) };
    }

    /** All alarms, the oldest first, each with its clip and the time to play that from. */
    alarms() {
      return this.clips
        .flatMap((clip) =>
          clip.alarms.map((alarm) => ({ alarm, clip, time: Math.max(clip.start, alarm - LEAD_MS) })),
        )
        .sort((one, other) => one.alarm - other.alarm);
    }

    /** Plays the alarm before (-1) or behind (1) what is shown. */
    toAlarm(by) {
      const now = this.tile.replay?.place ?? Date.now();
      const all = this.alarms();
      // A margin, so that the alarm that has just begun to play is not found as its own neighbour.
      const found =
        by < 0 ? all.findLast(({ time }) => time < now - 1_500) : all.find(({ time }) => time > now + 500);
      if (found !== undefined) this.play(found.time, found.clip);
    }

    /** Shows the time under the pointer, and the thumbnail of the clip there. */
    point(event) {
      const { alarm, clip, time = alarm } = this.pointed(event);
      this.tip.hidden = false;
      this.tip.style.left = `clamp(84px, ${((time - this.from) / (this.to - this.from)) * 100}%, calc(100% - 84px))`;
      this.tipTime.textContent = this.textOf(time);
      this.tipImage.hidden = clip?.thumbnail !== true;
      if (!this.tipImage.hidden) this.tipImage.src = `clips/${clip.id}.jpg`;
    }

    clipAt(time) {
      return this.clips.findLast(({ start, end }) => start <= time && time <= end);
    }

    /**
     * Plays from a time on: a clip of this machine if there is one, else the NVR's recording; at the end of
     * the line, live pictures.
     */
    play(time, clip = this.clipAt(time)) {
      this.dispatchEvent(new CustomEvent('replay', { bubbles: true, composed: true }));
      if (clip === undefined && time >= this.to - 2_000) this.tile.live();
      else this.tile.replayFrom(time, clip);
      this.draw();
    }

    jump(seconds) {
      this.play((this.tile.replay?.place ?? Date.now()) + seconds * 1000);
    }

    toggle() {
      const { replay } = this.tile;
      replay?.pause(!replay.paused);
    }

    step(by) {
      this.tile.replay?.step(by);
    }

    faster() {
      this.tile.replay?.faster();
      this.draw();
    }

    mark(which) {
      this[which] = this.tile.replay?.place ?? Date.now();
      this.draw();
    }

    async save() {
      this.saving = true;
      this.note.textContent = text('saving');
      this.draw();
      try {
        const answer = await fetch('save', {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ channel: this.channel, from: this.in, to: this.out }),
        });
        const result = await answer.json();
        if (!answer.ok) throw new Error(`${result.code}: ${result.reason}`);
        for (const { id, name } of result.files) {
          const link = document.createElement('a');
          link.href = `saved/${id}`;
          link.download = name;
          link.click();
        }
        const missing = Math.round((result.missingMs ?? 0) / 100) / 10;
        this.note.textContent =
          result.files.map(({ name }) => name).join(', ') +
          (missing > 0 ? ` (${missing} ${text('missing')})` : '');
      } catch (error) {
        this.note.textContent = error.message;
      }
      this.saving = false;
      this.draw();
    }

    onKey(event) {
      const { key } = event;
      if (event.target !== this || event.composedPath()[0] !== this.bar) {
        // Fields and buttons of the time line handle their own keys.
        event.stopPropagation();
        return;
      }
      if (key === 'ArrowLeft') this.jump(-STEP_SECONDS);
      else if (key === 'ArrowRight') this.jump(STEP_SECONDS);
      else if (key === ',') this.step(-1);
      else if (key === '.') this.step(1);
      else if (key === ' ') this.toggle();
      else if (key === 'PageUp') this.toAlarm(-1);
      else if (key === 'PageDown') this.toAlarm(1);
      else if (key === 'Home') this.play(this.from);
      else if (key === 'End') this.tile.live();
      else return;
      event.stopPropagation();
      event.preventDefault();
    }
  }

  customElements.define('nvr-timeline', NvrTimeline);
})();

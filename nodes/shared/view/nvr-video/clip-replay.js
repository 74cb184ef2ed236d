// Part of nvr-video.js: a clip of this machine in a media element, read as the browser needs it. What
// `Replay` can do, it can.

class ClipReplay {
  /** `clip`: its beginning and end, epoch ms; one that is still being written plays up to what there is. */
  constructor(media, url, clip, told) {
    this.media = media;
    this.url = url;
    this.clip = clip;
    this.told = told;
    this.speed = 1;
    this.paused = false;
    const on = (word, run) =>
      media.addEventListener(word, run, { signal: (this.ending ??= new AbortController()).signal });
    on('playing', () => told('replaying'));
    on('seeked', () => told('replaying'));
    on('ended', () => told('ended'));
    on('error', () => told('error', 'EDECODE'));
  }

  /** Whether a time is of this clip. */
  has(time) {
    return time >= this.clip.start && time <= this.clip.end;
  }

  seek(time) {
    const at = Math.max(0, (time - this.clip.start) / 1000);
    if (this.media.src === '') {
      this.told('connecting');
      // Before anything is read, this is where the browser begins.
      this.media.src = `${this.url}#t=${at}`;
    } else this.media.currentTime = at;
    this.go();
  }

  go() {
    this.media.defaultPlaybackRate = this.media.playbackRate = this.speed;
    if (this.paused) this.media.pause();
    else this.media.play().catch(() => undefined);
  }

  pause(paused) {
    this.paused = paused;
    this.go();
  }

  faster() {
    this.speed = SPEEDS[(SPEEDS.indexOf(this.speed) + 1) % SPEEDS.length];
    this.go();
  }

  step(by) {
    this.pause(true);
    this.media.currentTime += by * (this.clip.frameMs / 1000);
  }

  wallTime() {
    return this.clip.start + this.media.currentTime * 1000;
  }

  close() {
    this.ending.abort();
    this.media.defaultPlaybackRate = this.media.playbackRate = 1;
    this.media.removeAttribute('src');
    this.media.load();
  }
}

// Part of nvr-video.js: a clip of this machine in a media element, read as the browser needs it. What
// `Replay` can do, it can.

class ClipReplay extends Recorded {
  /** `clip`: its beginning and end, epoch ms; one that is still being written plays up to what there is. */
  constructor(media, url, clip, told) {
    super(media);
    this.url = url;
    this.clip = clip;
    this.told = told;
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

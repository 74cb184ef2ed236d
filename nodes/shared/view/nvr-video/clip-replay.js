// Part of nvr-video.js: plays a clip of this machine in a media element; the browser loads it as needed. Has
// the same interface as `Replay`.

class ClipReplay extends Recorded {
  /** `clip`: its start and end in epoch ms. A clip still being written plays up to its current end. */
  constructor(media, url, clip, report) {
    super(media);
    this.url = url;
    this.clip = clip;
    this.report = report;
    const on = (word, run) =>
      media.addEventListener(word, run, { signal: (this.ending ??= new AbortController()).signal });
    on('playing', () => report('replaying'));
    on('seeked', () => report('replaying'));
    on('ended', () => report('ended'));
    on('error', () => report('error', 'EDECODE'));
  }

  /** Whether a time is within this clip. */
  has(time) {
    return time >= this.clip.start && time <= this.clip.end;
  }

  seek(time) {
    this.asked = time;
    const at = Math.max(0, (time - this.clip.start) / 1000);
    if (this.media.src === '') {
      this.report('connecting');
      // Nothing is loaded yet, so the browser starts at this position.
      this.media.src = `${this.url}#t=${at}`;
    } else this.media.currentTime = at;
    this.go();
  }

  step(by) {
    this.pause(true);
    this.media.currentTime += by * (this.clip.frameMs / 1000);
  }

  get place() {
    // The media's position is 0 until enough of the clip has been loaded.
    return this.media.readyState < HTMLMediaElement.HAVE_CURRENT_DATA ? this.asked : this.wallTime();
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

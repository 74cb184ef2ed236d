// Part of nvr-video.js: shows one camera in a plain video element, for the editor's test dialog.

/**
 * Shows a stream of records. `begun` is called for the first picture. Resolves at the end of the stream, or
 * if this browser cannot play it.
 */
async function move(video, stream, begun) {
  let player;
  const reader = stream.getReader();
  const stop = () => void reader.cancel().catch(() => undefined);
  video.addEventListener('timeupdate', begun, { once: true });
  try {
    await readRecords(
      reader,
      (kind, flags, camera, body) => {
        if (kind === 'picture') give(player, flags, body);
        if (kind !== 'init' || (flags & SOUND) !== 0) return;
        const { mime, segment } = initOf(body);
        player?.close();
        player = undefined;
        if (!plays(mime)) return void stop();
        player = new Player(video, mime, BEHIND, stop);
        player.begin(segment);
      },
      () => undefined,
    );
  } finally {
    player?.close();
  }
}

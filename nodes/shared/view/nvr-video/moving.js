// Part of nvr-video.js: one camera in a video element, without a tile around it: what the editor's dialogs
// show of a tested camera.

/**
 * Shows a stream of records while it lasts; `begun` is told of the first picture. Resolves at the stream's
 * end, or where this browser cannot play it.
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

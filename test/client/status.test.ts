import assert from 'node:assert/strict';
import { notALocation } from '../../lib/client/redirect.js';
import { errorOfStatus } from '../../lib/client/status.js';

describe('the error of a channel that is not there', () => {
  const of = (path: string): string => errorOfStatus(404, 'No', 'DESCRIBE', `rtsp://10.0.0.2${path}`).message;

  it('names the URI that was asked for', () => {
    assert.match(of('/live?ch=0009&stype=M'), /as rtsp:\/\/10\.0\.0\.2\/live\?ch=0009&stype=M; check/);
  });

  it('names no password, token or key of its path', () => {
    for (const [path, shown] of [
      ['/user=me&password=hunter2&channel=1.sdp', '/user=me&password=***&channel=1.sdp'],
      ['/x?usr=me&pwd=hunter2', '/x?usr=me&pwd=***'],
      ['/x?token=hunter2&ch=1', '/x?token=***&ch=1'],
      ['/playback?ch=0001&pbkey=hunter2', '/playback?ch=0001&pbkey=***'],
    ] as const) {
      assert.ok(of(path).includes(`${shown};`), of(path));
      assert.ok(!of(path).includes('hunter2'));
    }
  });

  it('names none that the server repeats', () => {
    const said = errorOfStatus(404, 'No /x?token=hunter2', 'DESCRIBE').message;
    assert.ok(said.includes('404 No /x?token=***:'), said);
    const moved = notALocation('/x?token=hunter2', undefined).message;
    assert.ok(moved.includes('("/x?token=***")'), moved);
  });
});

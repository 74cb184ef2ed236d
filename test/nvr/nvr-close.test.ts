// What an NVR lets go of when it closes, and what it asks where a recording is not there.

import assert from 'node:assert/strict';
import { Nvr } from '../../lib/nvr/nvr.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { redact } from '../../lib/redact.js';
import { startScriptedServer, type Reply, type ScriptedServer } from '../kit/scripted-server.js';
import { settingsFor } from '../kit/settings.js';

const STYLE = { uriStyle: 'custom', liveTemplate: '/live/{ch}', playbackTemplate: '/rec/{ch}' } as const;

describe('an NVR that closes, and one without the recording', () => {
  let server: ScriptedServer;
  let answer: (path: string) => Reply | undefined;

  before(async () => {
    server = await startScriptedServer(({ uri, method }) =>
      method === 'DESCRIBE' ? answer(new URL(uri).pathname) : undefined,
    );
  });

  after(() => server.close());

  const open = (extra: Partial<NvrSettings> = {}): Nvr =>
    new Nvr(settingsFor(server.port, { ...STYLE, ...extra }));

  it('gives up the checks that are running, and makes no others', async () => {
    const nvr = open({ requestTimeout: 5 });
    const asked = server.waitFor('DESCRIBE');
    answer = () => ({ raw: Buffer.alloc(0) });
    const check = nvr.health.probe(1, 'main', 'auth');
    await asked;
    await nvr.close();
    const { state, code } = await check;
    assert.deepEqual({ state, code }, { state: 'down', code: 'EUNREACHABLE' });
    const connections = server.peers.length;
    assert.equal((await nvr.health.probe(2, 'main', 'reach')).code, 'EUNREACHABLE');
    assert.equal(server.peers.length, connections);
  });

  it('strikes its password out of texts until it is closed, and not as long as another of its account is open', async () => {
    const account = { username: 'admin', password: 'Kd83-jsLq' };
    const [one, other] = [open(account), open(account)];
    assert.doesNotMatch(redact('said Kd83-jsLq'), /jsLq/);
    await one.close();
    await one.close();
    assert.doesNotMatch(redact('said Kd83-jsLq'), /jsLq/, 'the other is open');
    await other.close();
    assert.match(redact('said Kd83-jsLq'), /jsLq/);
  });

  it('says that nothing is recorded of a channel that it has, and that it has no other', async () => {
    const nvr = open();
    answer = (path) => (path === '/live/0' ? undefined : { status: 404, reason: 'Not Found' });
    const codeOf = (channel: number): Promise<string | undefined> =>
      new Promise((resolve) => {
        nvr.playback.play(
          { run: 'a', channel, stream: 'main', group: 0, from: 1_764_233_441_000, speed: 1 },
          {
            onUnit: () => undefined,
            onEnd: (_reason, error) => {
              resolve(error?.code);
            },
          },
        );
      });
    assert.equal(await codeOf(1), 'ENORECORDING');
    assert.equal(await codeOf(2), 'ECHANNEL');
    await nvr.close();
  });
});

// One session of a playback run, which the test plays: what it is opened with, what comes before its reply is
// known, and what a refusal leads to.

import assert from 'node:assert/strict';
import type { SessionOptions } from '../../lib/client/session-options.js';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { NvrError, type NvrErrorCode } from '../../lib/errors.js';
import { LIMITS } from '../../lib/limits.js';
import { Account } from '../../lib/nvr/account.js';
import { MemoryBudget } from '../../lib/nvr/memory-budget.js';
import { openRecorded } from '../../lib/nvr/playback/recorded-session.js';
import type { PlaybackRequest, RunContext } from '../../lib/nvr/playback/run-types.js';
import type { NvrSettings } from '../../lib/nvr/types.js';
import { videoUnit } from '../kit/fake-hub.js';
import { FakeSession } from '../kit/fake-session.js';
import { KeyServer } from '../kit/key-server.js';
import { settingsFor } from '../kit/settings.js';

const FROM = 1_764_233_441_250;
const WITHOUT_KEY = { uriStyle: 'custom', liveTemplate: '/live', playbackTemplate: '/rec' } as const;

describe('one session of a playback run', () => {
  const service = new KeyServer();
  let ending: AbortController;
  let account: Account;
  let budget: MemoryBudget;
  /** The bounds of the memory accounts that were asked for. */
  let bounds: (number | undefined)[];
  let opened: FakeSession[];
  let uris: string[];
  /** What opening does, before there is a session. */
  let whileOpening: (options: SessionOptions) => void;
  let playReply: object;
  /** The streams that were asked for, where nothing was recorded. */
  let streams: string[];
  /** What the handlers were told, in order. */
  let told: string[];
  let onUnit: (unit: VideoUnit) => void;

  before(() => service.start());

  beforeEach(() => {
    service.asked = [];
    service.answer = (_, response) => response.end(`pbkey=aB${service.asked.length}xyz`);
    ending = new AbortController();
    account = new Account(() => performance.now());
    bounds = [];
    budget = new MemoryBudget({ bytes: 1e9 });
    const camera = budget.camera.bind(budget);
    budget.camera = (bytes) => {
      bounds.push(bytes);
      return camera(bytes);
    };
    [opened, uris, streams, told] = [[], [], [], []];
    whileOpening = () => undefined;
    playReply = { rtpInfo: [] };
    onUnit = () => undefined;
  });

  after(() => {
    service.close();
  });

  function open(
    settings: Partial<NvrSettings>,
    { at = FROM, ...request }: Partial<PlaybackRequest> & { at?: number } = {},
  ): Promise<unknown> {
    const context: RunContext = {
      settings: settingsFor(1, { httpPort: service.port, ...settings }),
      account,
      session: {},
      memory: budget,
      uriOf: (path) => path,
      hasChannel: (_channel, stream) => {
        streams.push(stream);
        return Promise.resolve(stream === 'dual');
      },
      open: async (uri, options) => {
        uris.push(uri);
        await Promise.resolve();
        whileOpening(options as SessionOptions);
        const session = Object.assign(new FakeSession(options as SessionOptions), { playReply });
        opened.push(session);
        return session.asSession;
      },
    };
    const asked = { run: 'a', channel: 1, stream: 'main', group: 0, from: FROM, speed: 1, ...request };
    const handlers = {
      onUnit: (unit: VideoUnit) => {
        told.push(`unit ${unit.time - FROM}`);
        onUnit(unit);
      },
      onWarning: ({ code }: NvrError) => told.push(code),
      onEnd: ({ reason }: { reason: string }) => told.push(reason),
      onError: ({ code }: NvrError) => told.push(`error ${code}`),
    };
    return openRecorded(context, { request: asked, at, to: undefined }, handlers, ending.signal);
  }

  /** What opening fails with. */
  async function failure(...asked: Parameters<typeof open>): Promise<NvrError> {
    const error = await open(...asked).then(
      () => assert.fail('it opened'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof NvrError, String(error));
    return error;
  }

  /** The next turn of the event loop, when units come. */
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  /** A picture with that media time, in ms, behind the first. */
  const picture = (ms: number): VideoUnit => ({
    ...videoUnit({ data: Buffer.alloc(1000) }),
    rtpTime: ms * 90,
  });

  const refuse = (status: number, code: NvrErrorCode = 'EPROTOCOL'): void => {
    whileOpening = () => {
      throw new NvrError(code, `${status}`, { status });
    };
  };

  it('is opened with the settings’ times, and as what ends by itself', async () => {
    await open({ ...WITHOUT_KEY, silence: 7, requestTimeout: 3, transport: 'tcp' });
    const { silenceMs, requestTimeoutMs, endsByItself, readShare, transport, memory, gate, signal } =
      opened[0]!.user;
    assert.deepEqual(
      { silenceMs, requestTimeoutMs, endsByItself, readShare },
      { silenceMs: 7_000, requestTimeoutMs: 3_000, endsByItself: true, readShare: 0.5 },
    );
    assert.deepEqual(
      [transport].flat().map(({ name }) => name),
      ['tcp'],
    );
    assert.equal(memory, account.memory, 'what was learnt about the server');
    assert.equal(gate, account.gate, 'the gate against wrong passwords');
    assert.equal(signal, ending.signal, 'the signal');
  });

  it('asks for a key of its own time, which goes into its path', async () => {
    await open({}, { at: FROM + 60_000, group: 2 });
    assert.equal(
      service.asked[0]!.url,
      `/datasearch/gen_pbkey?group_id=2&start_time=${Math.floor(FROM / 1000) + 60}`,
    );
    assert.match(uris[0]!, /pbkey=aB1xyz/);
  });

  it('gives up with the key that it waits for', async () => {
    service.answer = () => {
      ending.abort();
    };
    assert.equal((await failure({ requestTimeout: 0.2 })).code, 'EUNREACHABLE');
    assert.equal(uris.length, 0);
  });

  for (const status of [400, 403, 404, 454, 455])
    it(`asks once more with another key where the server answers ${status}, and only once`, async () => {
      refuse(status);
      const error = await failure({});
      assert.deepEqual(
        uris.map((uri) => /pbkey=(\w+)/.exec(uri)![1]),
        ['aB1xyz', 'aB2xyz'],
      );
      assert.deepEqual({ status: error.status, code: error.code }, { status, code: 'EPROTOCOL' });
    });

  it('does not ask again for what no other key mends', async () => {
    for (const [status, code] of [
      [500, 'EPROTOCOL'],
      [404, 'EUNSUPPORTED'],
    ] as const) {
      uris = [];
      refuse(status, code);
      assert.equal((await failure({})).code, code);
      assert.equal(uris.length, 1, code);
    }
  });

  it('says that nothing is recorded where the stream asked for is there, and else what the server said', async () => {
    refuse(404, 'ECHANNEL');
    assert.equal((await failure(WITHOUT_KEY, { stream: 'main' })).code, 'ECHANNEL');
    assert.equal((await failure(WITHOUT_KEY, { stream: 'dual' })).code, 'ENORECORDING');
    assert.deepEqual(streams, ['main', 'dual']);
    refuse(403, 'EFORBIDDEN');
    assert.equal((await failure(WITHOUT_KEY, { stream: 'dual' })).code, 'EFORBIDDEN');
    assert.equal(streams.length, 2, 'asked about a refusal of another kind');
  });

  it('keeps what comes before the reply is known, end and all, and tells it behind the opening', async () => {
    whileOpening = (session) => {
      session.onUnit?.(picture(0));
      session.onUnit?.(picture(40));
      session.onEnd?.({ reason: 'bye', withoutMedia: false, error: new NvrError('EUNREACHABLE', 'Over.') });
    };
    await open(WITHOUT_KEY);
    assert.deepEqual(told, []);
    assert.ok(budget.used > 2000, `${budget.used} bytes are counted`);
    await turn();
    // A key service counts in whole seconds, so the recording begins 250 ms before.
    assert.deepEqual(told, ['unit -250', 'unit -210', 'bye']);
    assert.deepEqual({ used: budget.used, units: budget.units }, { used: 0, units: 0 });
  });

  it('keeps no more of it than a GOP may take, and than there is room for', async () => {
    budget.bytes = 3_500;
    whileOpening = (session) => {
      for (let index = 0; index < 9; index++) session.onUnit?.(picture(index * 40));
    };
    await open(WITHOUT_KEY);
    await turn();
    assert.deepEqual(bounds, [LIMITS.gopBytes]);
    assert.ok(told.length > 0 && told.length < 4, `${told.length} units of 9`);
  });

  it('holds no memory for a session that did not open', async () => {
    whileOpening = (session) => {
      session.onUnit?.(picture(0));
      throw new NvrError('EUNREACHABLE', 'Broke off.');
    };
    await failure(WITHOUT_KEY);
    assert.deepEqual({ used: budget.used, units: budget.units }, { used: 0, units: 0 });
  });

  it('tells nothing more once it is given up: no unit, no end and no error', async () => {
    whileOpening = (session) => {
      session.onUnit?.(picture(0));
      session.onUnit?.(picture(40));
      session.onEnd?.({ reason: 'bye', withoutMedia: false, error: new NvrError('EUNREACHABLE', 'Over.') });
    };
    onUnit = () => {
      ending.abort();
    };
    await open(WITHOUT_KEY);
    await turn();
    assert.deepEqual(told, ['unit -250']);

    told = [];
    ending = new AbortController();
    whileOpening = (session) =>
      session.onEnd?.({ reason: 'bye', withoutMedia: true, error: new NvrError('EUNREACHABLE', 'Over.') });
    await open(WITHOUT_KEY);
    ending.abort();
    await turn();
    assert.deepEqual(told, []);

    ending = new AbortController();
    whileOpening = (session) => session.onUnit?.(picture(0));
    onUnit = () => {
      ending.abort();
      throw new RangeError('a fault of the taker');
    };
    await open(WITHOUT_KEY);
    await turn();
    assert.deepEqual(told, ['unit -250']);
  });

  it('tells where the taker of the first units throws, and gives it no others', async () => {
    whileOpening = (session) => {
      session.onUnit?.(picture(0));
      session.onUnit?.(picture(40));
    };
    onUnit = () => {
      throw new RangeError('a fault of the taker');
    };
    await open(WITHOUT_KEY);
    await turn();
    assert.deepEqual(told, ['unit -250', 'error EPROTOCOL']);
  });

  it('counts the media time at the speed that the server grants, and else as it comes', async () => {
    const timesAt = async (speed: number, scale?: number): Promise<string[]> => {
      told = [];
      playReply = { rtpInfo: [], ...(scale !== undefined && { scale }) };
      await open(WITHOUT_KEY, { at: FROM + 750, speed });
      await turn();
      const { user } = opened.at(-1)!;
      user.onUnit?.(picture(0));
      user.onUnit?.(picture(1000));
      return told;
    };
    assert.deepEqual(await timesAt(2, 2), ['unit 750', 'unit 2750'], 'granted');
    assert.deepEqual(opened.at(-1)!.user.playHeaders, { Scale: '2' });
    assert.deepEqual(await timesAt(2), ['unit 750', 'unit 1750'], 'not named by the server');
    assert.deepEqual(await timesAt(1, 2), ['unit 750', 'unit 1750'], 'not asked for');
    assert.deepEqual(opened.at(-1)!.user.playHeaders, {});
    assert.deepEqual(await timesAt(0, 4), ['unit 750', 'unit 1750'], 'without a pace');
    assert.deepEqual(opened.at(-1)!.user.playHeaders, { 'Rate-Control': 'no' });
  });
});

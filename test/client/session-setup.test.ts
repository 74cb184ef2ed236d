import assert from 'node:assert/strict';
import sinon from 'sinon';
import { tcp } from '../../lib/client/transport/transports.js';
import type { Transport } from '../../lib/client/transport/transport.js';
import type { NvrError } from '../../lib/errors.js';
import { onePacketPicture, SDP } from '../kit/scripted-server.js';
import { PARAMETER_SETS, Wire } from '../kit/wire.js';

const SOUND = 'm=audio 0 RTP/AVP 0\r\na=control:track2\r\n';

describe('a session', () => {
  let clock: sinon.SinonFakeTimers;
  let wire: Wire;

  beforeEach(() => {
    clock = sinon.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
    });
  });

  afterEach(async () => {
    await wire.session.close();
    clock.restore();
  });

  /** The session that each request of a method names. */
  const sessions = (method: string): (string | undefined)[] =>
    wire.requests
      .filter((head) => head.startsWith(`${method} `))
      .map((head) => /^Session: (.*)\r$/m.exec(head)?.[1]);

  it('goes on in the session, and with the time-out, that the last SETUP was answered with', async () => {
    wire = new Wire({
      options: { extras: true, silenceMs: 60_000 },
      says: (method, head) => {
        if (method === 'DESCRIBE') return { body: SDP + SOUND };
        if (method !== 'SETUP') return undefined;
        return { headers: { Session: head.includes('track2') ? '2;timeout=20' : '1;timeout=60' } };
      },
    });
    await wire.session.open();
    await clock.tickAsync(10_000);
    await wire.session.close();
    const keepAlive = wire.methods.includes('GET_PARAMETER') ? 'GET_PARAMETER' : 'OPTIONS';
    assert.deepEqual(
      {
        setup: sessions('SETUP'),
        play: sessions('PLAY'),
        keepAlive: sessions(keepAlive).at(-1),
        teardown: sessions('TEARDOWN'),
      },
      { setup: [undefined, '1'], play: ['2'], keepAlive: '2', teardown: ['2'] },
    );
  });

  it('names the request that was refused, and by which status', async () => {
    for (const method of ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY']) {
      wire = new Wire({ says: (asked) => (asked === method ? { status: 403 } : undefined) });
      await assert.rejects(wire.session.open(), {
        status: 403,
        message: new RegExp(`^${method} was answered`),
      });
    }
  });

  it('closes a track’s way that it has only got after it was closed', async () => {
    let closed = 0;
    let accepted: () => void = () => undefined;
    let accepting: () => void = () => undefined;
    const isAccepting = new Promise<void>((resolve) => (accepting = resolve));
    wire = new Wire({
      transport: (options): Transport => {
        const transport = tcp(options);
        return {
          ...transport,
          openTrack: async (context) => {
            const track = await transport.openTrack(context);
            return {
              ...track,
              accept: () => {
                accepting();
                return new Promise((resolve) => (accepted = resolve));
              },
              close: () => {
                closed++;
                track.close();
              },
            };
          },
        };
      },
    });
    const opening = assert.rejects(wire.session.open(), { code: 'EUNREACHABLE' });
    await isAccepting;
    await wire.session.close();
    await opening;
    accepted();
    await new Promise(setImmediate);
    assert.equal(closed, 1);
  });

  it('counts the packets that are lost beside those that came', async () => {
    wire = new Wire();
    await wire.session.open();
    wire.read(Buffer.concat([PARAMETER_SETS, onePacketPicture(0), onePacketPicture(3)]));
    // What follows a gap waits for what may only be late.
    await clock.tickAsync(1000);
    assert.deepEqual(wire.session.count, { packets: 4, lost: 2 });
  });

  it('warns of nothing where its user throws at its end', async () => {
    const warnings: NvrError[] = [];
    wire = new Wire({
      options: { onWarning: (error) => warnings.push(error) },
      onEnd: () => {
        throw new Error('no');
      },
    });
    await wire.session.open();
    wire.close();
    assert.equal((await wire.session.closed)?.reason, 'eof');
    assert.deepEqual(warnings, []);
  });
});

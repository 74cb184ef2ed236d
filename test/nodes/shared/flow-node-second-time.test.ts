// A flow node's beginning and end, each way round, on a Node-RED of plain objects.

import assert from 'node:assert/strict';
import type { NodeAPI } from 'node-red';
import sinon from 'sinon';
import { NvrError } from '../../../lib/errors.js';
import { flowNode, type FlowContext, type FlowPart } from '../../../nodes/shared/flow-node.js';
import { settingsTable } from '../../../nodes/shared/settings/setting.js';
import { CHANNEL, CHANNEL_SOURCE, NVR } from '../../../nodes/shared/settings/tables/common.js';
import { FakeRed, turn, type FakeNode } from '../../kit/fake-red.js';

const table = settingsTable({ nvr: NVR, channel: CHANNEL, channelType: CHANNEL_SOURCE });
type Context = FlowContext<typeof table>;

describe('a flow node, each way round', () => {
  let red: FakeRed;
  let contexts: Context[];

  beforeEach(() => {
    red = new FakeRed({ CAM: '7' });
    contexts = [];
  });

  function make(part: FlowPart | ((context: Context) => FlowPart), saved: object = {}): FakeNode {
    const type = (RED: NodeAPI): void => {
      flowNode(RED, 'nvr-test', table, (context) => {
        contexts.push(context);
        return typeof part === 'function' ? part(context) : part;
      });
    };
    return red.make(type, 'nvr-test', saved);
  }

  it('hands a message on at once when the flows run, and in the order of both', async () => {
    red.server({});
    const told: unknown[] = [];
    const node = make({ input: ({ payload }) => void told.push(payload) });
    const early = node.receive({ payload: 'early' });
    await turn();
    assert.deepEqual(told, []);
    red.run();
    await early;
    const late = node.receive({ payload: 'late' });
    assert.deepEqual(told, ['early', 'late'], 'before anything else is done');
    await late;
  });

  it('is made and started once, when the flows run, and is a user of its NVR from then until it closes', async () => {
    const server = red.server({});
    const told: string[] = [];
    const node = make({ start: () => told.push('start'), input: () => told.push('input') });
    assert.deepEqual(
      { contexts: contexts.length, badge: node.badge, users: server.users },
      { contexts: 0, badge: 'grey ring idle', users: {} },
    );
    red.run();
    red.run();
    assert.deepEqual({ told, keys: Object.keys(server.users) }, { told: ['start'], keys: ['node'] });
    await node.receive({});
    await node.receive({});
    assert.deepEqual({ told, contexts: contexts.length }, { told: ['start', 'input', 'input'], contexts: 1 });
    assert.equal(node.statuses.length, 1);
    await node.close();
    assert.deepEqual(server.users, {});
    await node.close();
  });

  it('is neither made nor started once it was closed before the flows ran', async () => {
    red.server({});
    const node = make({ start: () => assert.fail('started') });
    const early = node.receive({});
    await node.close();
    assert.equal((await early).error!.code, 'EINPUT');
    red.run();
    assert.equal((await node.receive({})).error!.code, 'EINPUT');
    assert.equal(contexts.length, 0);
  });

  it('starts by itself 2 s after it was made, if nobody says that the flows run, and not again when somebody does', () => {
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      red.server({});
      let starts = 0;
      make({ start: () => starts++ });
      clock.tick(1999);
      assert.equal(starts, 0);
      clock.tick(1);
      assert.equal(starts, 1);
      red.run();
      clock.tick(5000);
      assert.equal(starts, 1);
      assert.equal(clock.countTimers(), 0);
    } finally {
      clock.restore();
    }
  });

  it('leaves no timer when the flows run, nor when it closes before', async () => {
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      red.server({});
      const nodes = [make({}, { id: 'one' })];
      red.run();
      nodes.push(make({}, { id: 'two' }));
      await nodes[1]!.close();
      assert.equal(clock.countTimers(), 0);
      await nodes[0]!.close();
    } finally {
      clock.restore();
    }
  });

  it('is refused each message until its NVR is there, tells Catch at the start, and is idle by the first that finds it', async () => {
    const node = make({});
    red.run();
    assert.deepEqual(
      { badge: node.badge, errors: node.errors.map(({ code, about }) => [code, about]) },
      { badge: 'red ring bad nvr', errors: [['EINPUT', {}]] },
    );
    for (let times = 0; times < 2; times++)
      assert.match(String((await node.receive({})).error), /names no NVR/);
    assert.equal(node.errors.length, 1);
    const server = red.server(undefined);
    assert.match(String((await node.receive({})).error), /A setting of the NVR is not valid/);
    server.problem = { property: 'host', message: 'The setting "host" must not be empty.' };
    assert.match(String((await node.receive({})).error), /"host" must not be empty/);
    assert.deepEqual(server.users, {});
    server.nvr = {};
    assert.equal((await node.receive({})).error, undefined);
    assert.deepEqual(
      { badge: node.badge, contexts: contexts.length, keys: Object.keys(server.users) },
      { badge: 'grey ring idle', contexts: 1, keys: ['node'] },
    );
  });

  it('names no other kind of node as its NVR', () => {
    red.nodesById.set('nvr', { id: 'nvr', type: 'tls-config' });
    const node = make({});
    red.run();
    assert.equal(node.badge, 'red ring bad nvr');
  });

  it('answers each message once, with its own code or EINPUT, and passes on what it sends', async () => {
    red.server({});
    const node = make({
      input: (message, send) => {
        send([message]);
        if (message.payload === 'own') throw new NvrError('EBUSY', 'not now');
        if (message.payload === 'foreign') return Promise.reject(new TypeError('x is not a function'));
        return undefined;
      },
    });
    red.run();
    const codes: unknown[] = [];
    for (const payload of ['own', 'foreign', 'fine']) {
      const { error, sent } = await node.receive({ payload });
      codes.push(error?.code);
      assert.deepEqual(sent, [[{ payload }]]);
    }
    assert.deepEqual({ codes, done: node.done }, { codes: ['EBUSY', 'EINPUT', undefined], done: 3 });
  });

  it('is done with a message only when it is handled', async () => {
    red.server({});
    let finish!: () => void;
    const node = make({ input: () => new Promise<void>((resolve) => (finish = resolve)) });
    red.run();
    const answer = node.receive({});
    await turn();
    assert.equal(node.done, 0);
    finish();
    await answer;
    assert.equal(node.done, 1);
  });

  it('gives its work up before its part closes, waits for that, and closes it once though it is asked twice at once', async () => {
    const server = red.server({});
    const told: string[] = [];
    let finish!: () => void;
    const node = make(({ signal }) => ({
      close: (removed) => {
        told.push(`${removed} ${signal.aborted}`);
        return new Promise<void>((resolve) => (finish = resolve));
      },
    }));
    red.run();
    const closed = [node.close(true), node.close(false)];
    let isClosed = false;
    void closed[0]!.then(() => (isClosed = true));
    await turn();
    assert.deepEqual(
      { told, isClosed, keys: Object.keys(server.users) },
      { told: ['true true'], isClosed: false, keys: ['node'] },
    );
    finish();
    await Promise.all(closed);
    assert.deepEqual({ told: told.length, users: server.users }, { told: 1, users: {} });
  });

  it('warns of a close that fails, and is closed all the same', async () => {
    const server = red.server({});
    const node = make({
      close: () => {
        throw new NvrError('EDISK', 'The disk is gone.');
      },
    });
    red.run();
    await node.close();
    assert.deepEqual(
      { warnings: node.warnings, users: server.users },
      { warnings: ['The disk is gone.'], users: {} },
    );
  });

  it('reads its settings with the variables and the version that it was saved with', () => {
    red.server({}, { channels: [{ channel: 3, name: 'Gate' }] });
    make({}, { id: 'a', channel: 'gate', version: undefined });
    make({}, { id: 'b', channel: 'CAM', channelType: 'env', version: '1' });
    red.run();
    assert.deepEqual(
      contexts.map(({ settings, savedVersion }) => [settings.channel, savedVersion]),
      [
        ['gate', 0],
        ['7', 1],
      ],
    );
    const node = make({}, { id: 'c', channel: 'door' });
    const other = make({}, { id: 'd', channel: 'MISSING', channelType: 'env' });
    red.run();
    assert.deepEqual(
      { nodeBadge: node.badge, otherBadge: other.badge },
      { nodeBadge: 'red ring bad channel', otherBadge: 'red ring bad channel' },
    );
    assert.match(other.errors[0]!.message, /environment variable MISSING, which is not set/);
  });

  it('is not started again with each message where its start has failed', async () => {
    red.server({});
    const told: string[] = [];
    const node = make({
      start: () => {
        told.push('start');
        throw new NvrError('EDISK', 'No folder.');
      },
      input: () => told.push('input'),
    });
    red.run();
    await node.receive({});
    await node.receive({});
    assert.deepEqual(told, ['start', 'input', 'input']);
  });
});

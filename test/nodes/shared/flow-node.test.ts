import assert from 'node:assert/strict';
import type { NodeAPI } from 'node-red';
import { NvrError } from '../../../lib/errors.js';
import serverNode from '../../../nodes/nvr-server.js';
import { flowNode, type FlowContext, type FlowPart } from '../../../nodes/shared/flow-node.js';
import { settingsTable } from '../../../nodes/shared/settings/setting.js';
import { NVR } from '../../../nodes/shared/settings/tables/common.js';
import { flowWith, helper, serveNodes, Sink, statuses } from '../../kit/red.js';

const table = settingsTable({ nvr: NVR });
type Make = (context: FlowContext<typeof table>) => FlowPart;

describe('a flow node', () => {
  serveNodes();

  /** A node of the type under test, whose own part is made by `make`. */
  async function load(make: Make): Promise<(id: string) => Sink> {
    const type = (RED: NodeAPI): void => {
      flowNode(RED, 'nvr-test', table, make);
    };
    await helper.load([serverNode, type] as never, flowWith({}, [{ id: 'node', type: 'nvr-test' }], []));
    const sinks = ['catch', 'status', 'complete'].map(
      (id) => [id, new Sink(helper.getNode(id) as never)] as const,
    );
    return (id) => new Map(sinks).get(id)!;
  }

  const receive = (message: object): void => {
    (helper.getNode('node') as { receive(message: object): void }).receive(message);
  };

  it('that could not be made at the start is made, started and shown idle by a message that finds all it needs', async () => {
    let isThere = false;
    const told: string[] = [];
    const sink = await load(() => {
      if (!isThere) throw new NvrError('EINPUT', 'The setting "nvr" cannot be used yet.');
      return {
        start: () => told.push('start'),
        input: () => told.push('input'),
      };
    });
    await sink('catch').first(() => true);
    assert.equal(statuses('node').at(-1)!.text, 'bad nvr');
    isThere = true;
    for (const payload of ['first', 'second']) {
      receive({ payload });
      await sink('complete').first((message) => message.payload === payload);
    }
    assert.deepEqual(told, ['start', 'input', 'input']);
    assert.equal(statuses('node').at(-1)!.text, 'idle');
  });

  it('takes a message that comes before the flows run once it is started', async () => {
    const told: string[] = [];
    const type = (RED: NodeAPI): void => {
      flowNode(RED, 'nvr-test', table, () => ({
        start: () => told.push('start'),
        input: () => told.push('input'),
      }));
      RED.nodes.registerType('early', function (this: never, saved: never) {
        RED.nodes.createNode(this, saved);
        (RED.nodes.getNode('node') as unknown as { receive(message: object): void }).receive({});
      } as never);
    };
    const flow = flowWith(
      {},
      [
        { id: 'node', type: 'nvr-test' },
        { id: 'z', type: 'early' },
      ],
      [],
    );
    await helper.load([serverNode, type] as never, flow);
    await new Sink(helper.getNode('complete') as never).first(() => true);
    assert.deepEqual(told, ['start', 'input']);
  });

  it('closes its part once, and passes on whether the node was deleted', async () => {
    const closed: boolean[] = [];
    await load(() => ({
      close: (removed) => {
        closed.push(removed);
      },
    }));
    const node = helper.getNode('node') as { close(removed: boolean): Promise<void> };
    await node.close(true);
    await node.close(false);
    assert.deepEqual(closed, [true]);
  });
});

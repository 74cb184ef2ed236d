// The messages of a record node, without the node.

import assert from 'node:assert/strict';
import type { Node, NodeMessage } from 'node-red';
import type { ClipInfo } from '../../../lib/nvr/recorder/types.js';
import { ATTACHED_BYTES } from '../../../nodes/shared/clip-message.js';
import { RecordOutput } from '../../../nodes/shared/record-output.js';
import { FakeHub } from '../../kit/fake-hub.js';
import { turn } from '../../kit/fake-red.js';
import { settingsFor } from '../../kit/settings.js';

const clip = (bytes: number): ClipInfo =>
  ({ file: '/clips/a.mp4', bytes, alarms: [], gaps: [], damagedSpans: [] }) as unknown as ClipInfo;

describe('what a record node sends', () => {
  let sent: (NodeMessage | null)[][];

  beforeEach(() => {
    sent = [];
  });

  const outputOf = (attach: boolean): RecordOutput =>
    new RecordOutput(
      { send: (outputs: (NodeMessage | null)[]) => sent.push(outputs) } as unknown as Node,
      settingsFor(1),
      new FakeHub(),
      attach,
      {},
    );

  it('has a clip of its own in each message, which a flow may change', () => {
    const output = outputOf(false);
    const info = clip(1);
    const sentClip = (): ClipInfo => (output.clip({}, info) as unknown as { clip: ClipInfo }).clip;
    const [one, other] = [sentClip(), sentClip()];
    assert.deepEqual(one, info);
    Object.assign(one, { file: 'changed' });
    assert.deepEqual({ other: other.file, kept: info.file }, { other: '/clips/a.mp4', kept: '/clips/a.mp4' });
  });

  for (const [what, attach, bytes, words] of [
    ['warns of a clip that is too large to be attached', true, ATTACHED_BYTES + 1, ['finished', 'warning']],
    ['warns of none that may just be attached', true, ATTACHED_BYTES, ['finished']],
    ['warns of none where nothing is to be attached', false, ATTACHED_BYTES + 1, ['finished']],
  ] as const)
    it(what, async () => {
      const output = outputOf(attach);
      output.recorderEvent({ type: 'finished', clip: 1, info: clip(bytes), last: true });
      await turn();
      await turn();
      output.close();
      assert.deepEqual(
        sent.map(([, message]) => message!.payload),
        words,
      );
    });
});

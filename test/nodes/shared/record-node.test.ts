// The record node with several cameras: which of them a message reaches, and when it is done.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sinon from 'sinon';
import type { NvrError } from '../../../lib/errors.js';
import recordNode from '../../../nodes/nvr-record.js';
import { RecordCamera } from '../../../nodes/shared/record-camera.js';
import { FakeHub } from '../../kit/fake-hub.js';
import { FakeRed, turn, type FakeNode } from '../../kit/fake-red.js';

/** What a camera was asked for, and how to answer. */
interface Asked {
  readonly channel: number;
  readonly message: Record<string, unknown>;
  answer(error?: NvrError): void;
}

describe('the cameras of a record node', () => {
  let folder: string;
  let node: FakeNode;
  let asked: Asked[];

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-record-cameras-'));
    asked = [];
  });

  afterEach(async () => {
    sinon.restore();
    await node.close(true);
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const channelOf = (camera: unknown): number => (camera as { parts: { channel: number } }).parts.channel;

  function deploy(saved: object = {}): void {
    const red = new FakeRed();
    red.server({ camera: () => new FakeHub(), canPlayBack: false });
    node = red.make(recordNode, 'nvr-record', { folder, channel: '1-3', ...saved });
    red.run();
  }

  function answerByHand(): void {
    sinon.stub(RecordCamera.prototype, 'input').callsFake(function (this: RecordCamera, message) {
      return new Promise((resolve, reject) => {
        const answer = (error?: NvrError): void => {
          if (error === undefined) resolve();
          else reject(error);
        };
        asked.push({ channel: channelOf(this), message, answer });
      });
    });
  }

  for (const [mode, message, channels] of [
    ['alarm', { action: 'stop' }, [1, 2, 3]],
    ['alarm', { action: 'arm' }, [1, 2, 3]],
    ['alarm', { action: 'disarm', channel: '2-3' }, [2, 3]],
    ['alarm', { action: 'status' }, [1, 2, 3]],
    ['alarm', { action: 'start', channel: 2 }, [2]],
    ['alarm', { action: 'start' }, 'EINPUT'],
    ['alarm', { payload: true }, 'EINPUT'],
    ['alarm', { action: 'list' }, 'EINPUT'],
    ['continuous', { action: 'start' }, [1, 2, 3]],
    ['timelapse', { action: 'start', channel: '1,3' }, [1, 3]],
    ['continuous', { action: 'keep', channel: '1,3' }, 'EINPUT'],
  ] as const)
    it(`reach, of ${mode}, ${JSON.stringify(message)}: ${JSON.stringify(channels)}`, async () => {
      deploy({ mode });
      answerByHand();
      const answer = node.receive(message);
      await turn();
      if (channels === 'EINPUT') assert.equal((await answer).error?.code, 'EINPUT');
      assert.deepEqual(
        asked.map(({ channel }) => channel),
        channels === 'EINPUT' ? [] : channels,
      );
    });

  it('get a message each, and are done with it when the last of them is', async () => {
    deploy();
    answerByHand();
    const message = { action: 'disarm', of: { n: 1 } };
    const answer = node.receive(message);
    await turn();
    assert.equal(
      new Set(asked.map((one) => one.message.of)).size,
      3,
      'what a flow changes in one is its own',
    );
    asked[1]!.answer();
    asked[2]!.answer();
    await turn();
    assert.equal(node.done, 0);
    asked[0]!.answer();
    assert.equal((await answer).error, undefined);
  });

  it('are closed all at once, each knowing whether it is for good', async () => {
    for (const isLast of [false, true]) {
      deploy();
      const ends: (() => void)[] = [];
      const close = sinon
        .stub(RecordCamera.prototype, 'close')
        .callsFake(() => new Promise<void>((resolve) => ends.push(resolve)));
      let isClosed = false;
      const closed = node.close(isLast).then(() => (isClosed = true));
      await turn();
      assert.deepEqual(
        close.args.map(([last]) => last),
        [isLast, isLast, isLast],
      );
      ends[0]!();
      ends[1]!();
      await turn();
      assert.equal(isClosed, false);
      ends[2]!();
      await closed;
      close.restore();
      for (const { thisValue } of close.getCalls()) await (thisValue as RecordCamera).close(true);
    }
  });

  it('tell their files from one another’s by their number where there may be several, else by the node’s id', () => {
    const arm = sinon.stub(RecordCamera.prototype, 'arm');
    deploy({ channel: '1-2' });
    deploy({ channel: '2' });
    assert.deepEqual(
      arm.thisValues.map((camera: { parts: { id: string } }) => camera.parts.id),
      ['node-1', 'node-2', 'node'],
    );
  });

  it('have one of them remove what a crash left of exports', () => {
    const cleanUp = sinon.stub(RecordCamera.prototype, 'cleanUp').resolves();
    deploy();
    assert.deepEqual(cleanUp.thisValues.map(channelOf), [1]);
  });

  for (const [what, saved, warnings] of [
    ['continuously, with nothing that limits it', {}, 3],
    ['of alarms', { mode: 'alarm' }, 0],
    ['as a time-lapse', { mode: 'timelapse' }, 0],
    ['continuously, for some days', { keepDays: '7' }, 0],
    ['continuously, up to a size', { keepGiB: '7' }, 0],
    ['continuously, up to a size of the folder', { keepFolderGiB: '7' }, 0],
    ['continuously, as long as the disk has room', { keepFreeGiB: '7' }, 0],
    ['continuously, by a node that was saved with its limits', { version: 1, keepGiB: '0' }, 0],
  ] as const)
    it(`${warnings === 0 ? 'do not say' : 'say, each once,'} that they keep everything: recorded ${what}`, () => {
      const warn = sinon.stub(RecordCamera.prototype, 'warnOfNoLimit');
      deploy({ mode: 'continuous', version: 0, ...saved });
      assert.equal(warn.callCount, warnings);
    });
});

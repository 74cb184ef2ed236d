import assert from 'node:assert/strict';
import type { NodeStatus } from 'node-red';
import { CameraBadges } from '../../../nodes/shared/camera-badges.js';
import { OwnCameras } from '../../../nodes/shared/own-cameras.js';

const table = {
  channels: [
    { channel: 2, name: 'Gate' },
    { channel: 5, name: '1-4' },
    { channel: 9, name: 'Yard, north' },
    { channel: 8, name: '6,7' },
  ],
};
const of = (given: unknown): OwnCameras => new OwnCameras(table, given);

describe('the cameras of a node', () => {
  for (const one of ['3', 3, 'gate', ' 1-4 ', 'Yard, north'])
    it(`are one, which its messages do not name, for ${JSON.stringify(one)}`, () => {
      const own = of(one);
      assert.equal(own.channels.length, 1);
      assert.deepEqual(own.markOf(own.channels[0]!), {});
    });

  for (const [list, channels] of [
    ['1-3,Gate', [1, 2, 3]],
    ['*', [2, 5, 9, 8]],
    ['2,yard, NORTH,7', [2, 9, 7]],
    ['6,6,7', [6, 8]],
    ['7,7', [7]],
  ] as const)
    it(`are named by their messages for the list ${list}`, () => {
      const own = of(list);
      assert.deepEqual(own.channels, channels);
      const [first] = channels;
      const camera = first === 2 ? 'Gate' : String(first);
      assert.deepEqual(own.markOf(first), { channel: first, camera });
    });

  it('are named for a single one that comes from the environment, where more may come from', () => {
    assert.deepEqual(new OwnCameras(table, '3', 'env').markOf(3), { channel: 3, camera: '3' });
  });

  it('are all meant by a message that names none', () => {
    for (const given of [undefined, null, '', '*']) assert.deepEqual(of('1-3').named(given), [1, 2, 3]);
  });

  it('are meant by number, name, list and array', () => {
    assert.deepEqual(of('1,2,3,4').named('gate'), [2]);
    assert.deepEqual(of('1,2,3,4').named([3, 'Gate', '3']), [3, 2]);
    assert.deepEqual(of('2-9').named('3-4, 7'), [3, 4, 7]);
    // The table calls a camera 1-4.
    assert.deepEqual(of('1-4,7').channels, [5, 7]);
  });

  it('are told to a message that names another, or no camera at all', () => {
    for (const given of [4, 'Door', '3-4', [], [1, 9], {}, true, 0, '1,'])
      assert.throws(() => of('1-3').named(given), {
        code: 'EINPUT',
        message: 'msg.channel names a camera that this node does not have; it has 1, 2 (Gate), 3.',
      });
    assert.throws(() => of('1-64').named(65), /, 16 and 48 more\.$/);
  });

  it('are not looked for in a text that is no list', () => {
    for (const given of [
      '8-1',
      '1-',
      '-4',
      '1-4-7',
      '1;2',
      'Yard',
      '1,,2',
      '0-3',
      '1-10000',
      '1,'.repeat(1e6),
    ])
      assert.throws(() => of(given), { code: 'EINPUT' }, given.slice(0, 20));
  });

  it('are told to a message that must name one and does not', () => {
    assert.throws(() => of('1-3').one(undefined), {
      code: 'EINPUT',
      message: 'msg.channel must name one camera; it has 1, 2 (Gate), 3.',
    });
    assert.throws(() => of('1-3').one('1-2'), { code: 'EINPUT' });
    assert.equal(of('1-3').one('gate'), 2);
    assert.equal(of('3').one(undefined), 3);
  });
});

describe('the badge of several cameras', () => {
  const idle: NodeStatus = { fill: 'grey', shape: 'ring', text: 'idle' };
  const connecting: NodeStatus = { fill: 'yellow', shape: 'ring', text: 'connecting' };
  const playing: NodeStatus = { fill: 'green', shape: 'dot', text: 'playing' };
  const stopped: NodeStatus = { fill: 'grey', shape: 'ring', text: 'stopped' };
  const refused: NodeStatus = { fill: 'red', shape: 'ring', text: 'ECHANNEL' };
  const locked: NodeStatus = { fill: 'red', shape: 'ring', text: 'EAUTH' };
  const recording: NodeStatus = { fill: 'blue', shape: 'dot', text: 'recording' };

  function badgesOf(count: number): { set: (...badges: NodeStatus[]) => void; shown: string[] } {
    const shown: string[] = [];
    const channels = Array.from({ length: count }, (_, index) => index + 1);
    const badges = new CameraBadges(
      ({ fill, shape, text }) => shown.push(`${fill} ${shape} ${text}`),
      channels,
      idle,
      'playing',
    );
    return {
      shown,
      set: (...all) => {
        for (const [index, badge] of all.entries()) badges.set(index + 1, badge);
      },
    };
  }

  it('is that of a single camera as it is', () => {
    const { set, shown } = badgesOf(1);
    for (const badge of [connecting, playing, playing]) set(badge);
    assert.deepEqual(shown, ['yellow ring connecting', 'green dot playing', 'green dot playing']);
  });

  it('counts those that are well, and is told when it changes', () => {
    const { set, shown } = badgesOf(2);
    set(connecting, connecting);
    set(connecting, connecting);
    set(playing, playing);
    set(refused);
    assert.deepEqual(shown, [
      'yellow ring 0/2 playing',
      'yellow ring connecting',
      'yellow ring 1/2 playing',
      'green dot 2/2 playing',
      'yellow ring 1/2 playing',
    ]);
  });

  for (const [badges, expected] of [
    [[playing, stopped, playing], 'green dot 2/3 playing'],
    [[stopped, stopped, stopped], 'grey ring stopped'],
    [[locked, locked, locked], 'red ring EAUTH'],
    [[refused, locked, refused], 'red ring 0/3 playing'],
    [[refused, stopped, locked], 'red ring 0/3 playing'],
    [[recording, playing, recording], 'blue dot 2/3 recording'],
    [[recording, recording, recording], 'blue dot 3/3 recording'],
    [[recording, connecting, playing], 'yellow ring 2/3 playing'],
  ] as const)
    it(`is "${expected}" for ${badges.map(({ text }) => text).join(', ')}`, () => {
      const { set, shown } = badgesOf(3);
      set(...badges);
      assert.equal(shown.at(-1), expected);
    });

  it('is told when its colour alone changes', () => {
    const { set, shown } = badgesOf(2);
    set(refused, locked);
    set(connecting, locked);
    assert.deepEqual(shown.slice(-2), ['red ring 0/2 playing', 'yellow ring 0/2 playing']);
  });

  it('has less than 20 characters for as many as can be listed', () => {
    const { set, shown } = badgesOf(1024);
    set(...Array.from({ length: 1024 }, () => recording));
    assert.ok(
      shown.every((text) => text.replace(/^\w+ \w+ /, '').length < 20),
      shown.at(-1),
    );
  });
});

import assert from 'node:assert/strict';
import { channelList, MAX_LISTED } from '../../../nodes/shared/channel-list.js';

const of = (names: Record<number, string>) => ({
  channels: Object.entries(names).map(([channel, name]) => ({ channel: Number(channel), name })),
});

describe('a list of channels', () => {
  it('of all is the NVR’s table, each once and in its order, or the first where there is none', () => {
    const table = [5, 2, 5].map((channel) => ({ channel, name: `c${channel}` }));
    assert.deepEqual(channelList({ channels: table }, '*'), [5, 2]);
    assert.deepEqual(channelList({ channels: [] }, ' * '), [1]);
  });

  it('that is a camera’s name is that camera, however the name reads', () => {
    const many = Array.from({ length: 12 }, (_, i) => `part ${i}`).join(',');
    const table = of({ 3: '*', 4: '1-9', 6: many });
    assert.deepEqual(
      ['*', '1-9', many.toUpperCase()].map((given) => channelList(table, given)),
      [[3], [4], [6]],
    );
  });

  it('holds 1024 channels at most', () => {
    assert.equal(channelList(of({}), `1-${MAX_LISTED}`).length, MAX_LISTED);
    assert.throws(() => channelList(of({}), `1-${MAX_LISTED + 1}`), { code: 'EINPUT' });
    assert.throws(() => channelList(of({}), `1-600,700-1200`), { code: 'EINPUT' });
    assert.equal(channelList(of({}), '1-1000,1-1000').length, 1000);
  });

  it('has each channel once, in the order given, with names among the numbers', () => {
    const table = of({ 7: 'Gate', 8: 'Yard, north', 9: '2-3' });
    assert.deepEqual(channelList(table, '3, gate ,1-4, yard, NORTH,2-3,7'), [3, 7, 1, 2, 4, 8, 9]);
    assert.deepEqual(channelList(table, ' 4-4 '), [4]);
    assert.deepEqual(channelList(table, 9999), [9999]);
  });

  it('means all by a star alone, and takes no range that runs backwards or from 0', () => {
    const table = of({ 1: 'Gate', 2: 'Yard' });
    for (const given of ['**', '1,*', '*,1', '*1', '1-*', '2-1', '0', '0-1', '1,', '1-', '10000', 'Door'])
      assert.throws(() => channelList(table, given), { code: 'EINPUT' }, given);
  });

  it('is neither empty nor of another kind', () => {
    for (const given of ['', undefined, null, true, {}, [1]])
      assert.throws(() => channelList(of({ 1: 'Gate' }), given), { code: 'EINPUT' });
  });
});

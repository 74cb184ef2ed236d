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

  it('is neither empty nor of another kind', () => {
    for (const given of ['', undefined, null, true, {}, [1]])
      assert.throws(() => channelList(of({ 1: 'Gate' }), given), { code: 'EINPUT' });
  });
});

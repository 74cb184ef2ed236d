import assert from 'node:assert/strict';
import { controlUriOrder, keepAliveOrder, ServerMemory } from '../../lib/client/quirks.js';

describe('what is tried with a server', () => {
  for (const learnt of [undefined, 'append', 'resolve', 'query-last'] as const)
    it(`is each form of a track’s URI once, the one that worked first: ${learnt ?? 'none yet'}`, () => {
      const memory = new ServerMemory();
      if (learnt !== undefined) memory.learn('controlUri', learnt);
      const order = controlUriOrder(memory);
      assert.equal(order[0], learnt ?? 'append');
      assert.deepEqual([...order].sort(), ['append', 'query-last', 'resolve']);
    });

  it('is a keep-alive that it lists, then the other, then none', () => {
    assert.deepEqual(
      { listed: keepAliveOrder(true), unlisted: keepAliveOrder(false) },
      {
        listed: ['get-parameter', 'options', 'rtcp'],
        unlisted: ['options', 'get-parameter', 'rtcp'],
      },
    );
  });
});

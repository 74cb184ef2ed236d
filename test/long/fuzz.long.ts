// The fuzzer of `npm test` for two minutes, with the same inputs to begin with.

import { createRequire } from 'node:module';

process.env.FUZZ_SECONDS ??= '120';
createRequire(__filename)('../fuzz/fuzz.test.ts');

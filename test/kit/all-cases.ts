// For mocha's `--require`: every case runs, those too that `npm test` has no time for.
process.env.NVR_ALL_CASES = '1';

import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

// The floors of lib/, lowest first, and the folders that each may import from besides its own
// (ARCHITECTURE.md).
const FLOORS = {
  rtsp: [],
  rtp: [],
  codec: ['rtsp', 'rtp'],
  media: ['codec'],
  client: ['rtsp', 'rtp', 'codec'],
  nvr: ['rtsp', 'rtp', 'codec', 'client', 'media'],
  simulator: ['rtsp', 'rtp', 'codec'],
};

// The rooms of lib/nvr/: features that import what is below and these rooms besides their own. Its nvr.ts,
// which joins them all, stands outside.
const ROOMS = {
  presets: [],
  camera: [],
  playback: ['camera'],
  snapshot: ['camera'],
  health: ['camera'],
  recorder: ['camera'],
  view: ['camera'],
  export: ['camera', 'playback', 'recorder'],
  evidence: ['camera', 'recorder'],
};

/** Floors that are fed bytes and the time: they open no socket, start no timer and read no clock. */
const SANS_IO = ['rtsp', 'rtp', 'codec', 'media'];

const IO_MODULES = ['net', 'tls', 'dgram', 'http', 'https', 'dns', 'timers', 'timers/promises', 'perf_hooks'];
const CLOCKS_AND_TIMERS = [
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'performance',
];
const CLOCK_WORDS = 'reads a clock or starts a timer: below client/ the time is an argument.';

/** The import rules of one room of lib/nvr/. */
function room(name) {
  const others = Object.keys(ROOMS).filter((other) => other !== name && !ROOMS[name].includes(other));
  return floor('nvr', `lib/nvr/${name}/**/*.ts`, [
    {
      regex: `^\\.\\./(${others.join('|')})/`,
      message: `lib/nvr/${name}/ imports only what is below and ${[...ROOMS[name], 'its own files'].join(', ')}.`,
    },
  ]);
}

/** The import rules of one floor, or of those of its files that `files` names, with further patterns. */
function floor(name, files = `lib/${name}/**/*.ts`, further = []) {
  const others = Object.keys(FLOORS).filter((other) => other !== name && !FLOORS[name].includes(other));
  const isSansIo = SANS_IO.includes(name);
  return {
    files: [files],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            ...further,
            { regex: '^(node-red|@node-red/|(\\.\\./)+nodes/)', message: 'lib/ knows nothing of Node-RED.' },
            {
              regex: `^(\\.\\./)+(${others.join('|')})/`,
              message: `lib/${name}/ imports only ${[...FLOORS[name], 'its own files'].join(', ')}.`,
            },
            ...(name === 'simulator'
              ? [
                  {
                    regex: '/codec/(?!annexb)',
                    message:
                      'Of codec/ the simulator takes annexb alone, so that it proves scenarios apart from the client.',
                  },
                ]
              : []),
            ...(isSansIo
              ? [{ regex: `^node:(${IO_MODULES.join('|')})$`, message: `lib/${name}/ is sans-IO.` }]
              : []),
          ],
        },
      ],
      ...(isSansIo && {
        'no-restricted-globals': [
          'error',
          ...CLOCKS_AND_TIMERS.map((global) => ({ name: global, message: `${global} ${CLOCK_WORDS}` })),
        ],
        'no-restricted-properties': [
          'error',
          { object: 'Date', property: 'now', message: `Date.now ${CLOCK_WORDS}` },
        ],
      }),
    },
  };
}

export default tseslint.config(
  { ignores: ['dist/', '.demo/', 'coverage/', 'node_modules/'] },
  {
    files: ['**/*.ts'],
    extends: [
      eslint.configs.recommended,
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
    ],
    languageOptions: {
      parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Bit fields and indexed bytes: `buffer[i]!` after a bounds check is the readable form on the hot path.
      '@typescript-eslint/no-non-null-assertion': 'off',
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'PrivateIdentifier', message: 'Private members are marked `private`, not #.' },
      ],
    },
  },
  ...Object.keys(FLOORS).map((name) => floor(name)),
  ...Object.keys(ROOMS).map(room),
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unused-expressions': 'off',
      'no-console': 'off',
    },
  },
  {
    files: ['**/*.cjs', '**/*.mjs'],
    extends: [eslint.configs.recommended],
    languageOptions: {
      globals: {
        require: 'readonly',
        module: 'writable',
        process: 'readonly',
        console: 'readonly',
        __dirname: 'readonly',
        Buffer: 'readonly',
      },
    },
  },
);

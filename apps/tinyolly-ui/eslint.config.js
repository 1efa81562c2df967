import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const htmlSink = 'Build nodes with dom.ts: text must never be parsed as HTML.';

export default defineConfig({ ignores: ['dist/'] }, js.configs.recommended, {
  files: ['**/*.ts'],
  extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
  languageOptions: { parserOptions: { projectService: true } },
  rules: {
    '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    '@typescript-eslint/switch-exhaustiveness-check': 'error',
    'no-restricted-properties': [
      'error',
      { property: 'innerHTML', message: htmlSink },
      { property: 'outerHTML', message: htmlSink },
      { property: 'insertAdjacentHTML', message: htmlSink },
      { object: 'document', property: 'write', message: htmlSink },
    ],
  },
});

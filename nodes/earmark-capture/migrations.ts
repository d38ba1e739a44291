import { added, type Migration } from '../saved-configuration.ts';

export const migrations: readonly Migration[] = [
  // 1: raw samples over the network.
  added({ protocol: 'tcp', host: '127.0.0.1', port: '7355', sampleRate: '16000' }),
  // 2: a microphone from the context, the environment or an expression.
  added({ deviceType: 'str' }),
];

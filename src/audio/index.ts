export { type AudioDevice, listAudioDevices } from './audio-devices.ts';
export { AudioError, type AudioErrorCode } from './audio-error.ts';
export { type AudioFormat, detectAudioFormat } from './audio-format.ts';
export type { AudioSource, SourceEvent, SourceOptions } from './audio-source.ts';
export { BoundedQueue, type BoundedQueueOptions, type Overflow } from './bounded-queue.ts';
export {
  BrowserMicrophone,
  type BrowserMicrophoneOptions,
  type RecordingPart,
} from './browser-microphone.ts';
export { type BufferSourceOptions, bufferSource } from './buffer-source.ts';
export type { FfmpegOptions } from './ffmpeg.ts';
export { findFfmpeg } from './ffmpeg.ts';
export { type FileSourceOptions, fileSource } from './file-source.ts';
export { type FolderSourceOptions, findAudioFiles, folderSource } from './folder-source.ts';
export { Framer, type FramerOptions } from './framer.ts';
export { measureFrequencyRange } from './frequency-range.ts';
export { measureLevel, type SoundLevel, silenceLevel } from './level.ts';
export { LevelMonitor, type LevelReport } from './level-monitor.ts';
export { type MicrophoneOptions, microphoneSource } from './microphone.ts';
export { type NetworkSourceOptions, networkSource } from './network-source.ts';
export type { AudioWindow, PcmChunk, SoundSegment, SourceInfo } from './pcm.ts';
export { PushSource, type PushSourceOptions } from './push-source.ts';
export type { RawPcmFormat } from './raw-pcm.ts';
export type { RecorderName } from './recorder.ts';
export { Resampler } from './resampler.ts';
export { type ProbedSound, type ProbeOptions, probeFile, probeUrl } from './sound-probe.ts';
export { SoundSegmenter, type SoundSegmenterOptions } from './sound-segmenter.ts';
export { type UrlSourceOptions, urlSource } from './url-source.ts';
export { WavDecoder } from './wav-decoder.ts';
export { encodeWav } from './wav-writer.ts';

import { describe, expect, it } from 'vitest';
import { ChunkBuilder } from '../../src/audio/chunk-builder.ts';
import { measureFrequencyRange } from '../../src/audio/frequency-range.ts';
import { measureLevel } from '../../src/audio/level.ts';
import { LevelMonitor } from '../../src/audio/level-monitor.ts';
import { PowerSpectrum } from '../../src/audio/power-spectrum.ts';
import { joined, mixInto, noise, sine } from './signals.ts';

describe('measureLevel', () => {
  it('gives a full-scale sine -3 dBFS and silence -120', () => {
    expect(measureLevel(sine(1000, 1, 16_000, 1)).level).toBeCloseTo(-3.01, 1);
    expect(measureLevel(new Float32Array(100))).toEqual({ level: -120, peak: -120, clipped: 0 });
  });

  it('counts the samples at full scale', () => {
    expect(measureLevel(Float32Array.of(1, -1, 32_767 / 32_768, 0.9)).clipped).toBe(3);
  });
});

describe('LevelMonitor', () => {
  const push = (monitor: LevelMonitor, samples: Float32Array, firstSample: number) =>
    monitor.push({ samples, sampleRate: 16_000, firstSample, gap: false });

  it('reports once per interval, over all of it', () => {
    const monitor = new LevelMonitor(200);
    expect(push(monitor, new Float32Array(1600), 0)).toBeUndefined();
    const report = push(monitor, sine(1000, 0.1, 16_000, 1), 1600)!;
    expect(report.level).toBeCloseTo(-6, 0);
    expect(report).toMatchObject({ time: 0.2, silentSeconds: 0 });
  });

  it('tells how long nothing but silence has come', () => {
    const monitor = new LevelMonitor(1000);
    push(monitor, sine(1000, 1), 0);
    push(monitor, new Float32Array(16_000), 16_000);
    expect(push(monitor, new Float32Array(16_000), 32_000)!.silentSeconds).toBe(2);
  });
});

describe('PowerSpectrum', () => {
  it('agrees with the sum that defines it', () => {
    const spectrum = new PowerSpectrum(64);
    const samples = noise(0.004, 1);
    const power = spectrum.measure(samples);
    for (let k = 0; k <= 32; k++) {
      let re = 0;
      let im = 0;
      for (let i = 0; i < 64; i++) {
        const weighted = samples[i]! * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / 64));
        re += weighted * Math.cos((2 * Math.PI * k * i) / 64);
        im -= weighted * Math.sin((2 * Math.PI * k * i) / 64);
      }
      expect(power[k]).toBeCloseTo((re * re + im * im) / 1024, 10);
    }
  });
});

describe('measureFrequencyRange', () => {
  it.each([100, 440, 3000, 7500])('finds a tone of %i Hz', (frequency) => {
    const { low, high } = measureFrequencyRange(sine(frequency, 1), 16_000);
    expect(low).toBeLessThan(frequency);
    expect(high).toBeGreaterThan(frequency);
    expect(high - low).toBeLessThan(100);
  });

  it('spans two tones, and not much more', () => {
    const samples = sine(500, 1);
    mixInto(samples, sine(4000, 1), 0);
    const { low, high } = measureFrequencyRange(samples, 16_000);
    expect(low).toBeGreaterThan(450);
    expect(low).toBeLessThan(520);
    expect(high).toBeGreaterThan(3980);
    expect(high).toBeLessThan(4050);
  });

  it('has a range for the shortest sound and none for silence', () => {
    const { low, high } = measureFrequencyRange(sine(2000, 0.005), 16_000);
    expect(low).toBeLessThan(2000);
    expect(high).toBeGreaterThan(2000);
    expect(measureFrequencyRange(new Float32Array(16_000), 16_000)).toEqual({ low: 0, high: 0 });
    expect(measureFrequencyRange(new Float32Array(0), 16_000)).toEqual({ low: 0, high: 0 });
  });
});

describe('ChunkBuilder', () => {
  it('takes a constant offset out without touching the sound', () => {
    const builder = new ChunkBuilder('test', {});
    const offset = sine(500, 2).map((sample) => sample + 0.3);
    const samples = joined(
      [...builder.push(offset, 16_000), ...builder.flush()].map((chunk) => chunk.samples),
    );
    const late = samples.subarray(16_000);
    expect(Math.abs(late.reduce((sum, sample) => sum + sample, 0) / late.length)).toBeLessThan(1e-3);
    expect(measureLevel(late).level).toBeCloseTo(measureLevel(sine(500, 1)).level, 1);
  });

  it('leaves the offset where asked', () => {
    const [chunk] = new ChunkBuilder('test', { removeDc: false }).push(Float32Array.of(0.5, 0.5), 16_000);
    expect([...chunk!.samples]).toEqual([0.5, 0.5]);
  });

  it('counts on over a loss and marks it', () => {
    const builder = new ChunkBuilder('test', {});
    builder.push(new Float32Array(1600), 16_000);
    builder.flush();
    builder.skipTo(3200);
    expect(builder.push(new Float32Array(160), 16_000)).toMatchObject([{ firstSample: 3200, gap: true }]);
    expect(builder.push(new Float32Array(160), 16_000)).toMatchObject([{ firstSample: 3360, gap: false }]);
  });
});

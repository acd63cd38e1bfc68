// Record what Vercel's AI SDK emits: run by hand, where its packages are installed
// (npm install ai@5 @ai-sdk/openai@2 @opentelemetry/sdk-trace-base zod), with a server
// of tests/providers/record.py at the address in argv[2]; prints the recording.
import { generateText, streamText, tool } from 'ai';
import { createOpenAI } from '@ai-sdk/openai';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { writeFileSync } from 'node:fs';
import { z } from 'zod';

const [base, folder] = process.argv.slice(2);
const memory = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
const tracer = provider.getTracer('ai');
const model = createOpenAI({ baseURL: `${base}/v1`, apiKey: 'none' }).chat('gpt-4o-mini');
const nanoseconds = ([s, ns]) => Number(BigInt(s) * 1000000000n + BigInt(ns));
const kinds = ['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];

const plain = (span) => ({
  trace_id: span.spanContext().traceId,
  span_id: span.spanContext().spanId,
  parent_id: span.parentSpanContext?.spanId ?? span.parentSpanId ?? null,
  name: span.name,
  kind: kinds[span.kind],
  began: nanoseconds(span.startTime),
  ended: nanoseconds(span.endTime),
  status: ['UNSET', 'OK', 'ERROR'][span.status.code],
  status_message: span.status.message ?? null,
  attributes: span.attributes,
  events: span.events.map((e) => ({ name: e.name, time: nanoseconds(e.time), attributes: e.attributes ?? {} })),
  resource: { 'service.name': 'recorder' },
  scope: 'ai',
  scope_version: null,
});

const options = {
  model,
  system: 'Be brief.',
  prompt: 'What is the weather in Paris?',
  temperature: 0.2,
  topP: 0.9,
  maxOutputTokens: 64,
  seed: 7,
  stopSequences: ['END'],
  maxRetries: 0,
  tools: { get_weather: tool({ description: 'Tell the weather', inputSchema: z.object({ city: z.string() }) }) },
  experimental_telemetry: { isEnabled: true, tracer, functionId: 'answer', metadata: { userId: 'u1', plan: 'pro' } },
};

const save = (name) => {
  const recording = { package: 'ai 5 (npm)', spans: memory.getFinishedSpans().map(plain) };
  const text = JSON.stringify(recording, null, 1).replaceAll(new URL(base).port, '8080');
  writeFileSync(`${folder}/${name}.json`, text + '\n');
  memory.reset();
};

await generateText(options);
save('vercel_openai_chat');
await streamText(options).consumeStream();
save('vercel_openai_stream');

import { configureSync, getLogger, type LogRecord } from '@logtape/logtape'
import type { Config } from '../../config/schema.ts'
import { createLog, formatJson, formatText, type Log } from '../../telemetry/call-log.ts'

/** Logs to the console, which is where a Worker's logs are collected from; JSON unless text is asked for. */
export function openConsoleLog({ log_level, log_format }: Pick<Config, 'log_level' | 'log_format'>): Log {
  const format = log_format === 'text' ? formatText : formatJson
  const write = (record: LogRecord) => {
    // biome-ignore lint/suspicious/noConsole: the only output there is
    console.log(format(record).trimEnd())
  }
  configureSync({
    sinks: { console: write },
    loggers: [
      {
        category: 'proxy',
        lowestLevel: log_level === 'warn' ? 'warning' : log_level,
        sinks: ['console'],
      },
      { category: ['logtape', 'meta'], lowestLevel: 'warning', sinks: ['console'] },
    ],
    reset: true,
  })
  return createLog(getLogger('proxy'), write)
}

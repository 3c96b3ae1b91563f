#!/usr/bin/env node
import { run } from './cli/commands.ts'

// `… | head` closes the pipe early: what is left to say has no reader, and that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})
process.exitCode = await run(process.argv.slice(2))

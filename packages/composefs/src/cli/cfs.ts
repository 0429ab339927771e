#!/usr/bin/env node
import { cfsMain } from './main.ts';

process.exitCode = await cfsMain(process.argv.slice(2));

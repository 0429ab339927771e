#!/usr/bin/env node
import { basename } from 'node:path';
import { cfsMain } from './main.ts';

const [, script = '', ...args] = process.argv;
const name = basename(script);
const isOther = name === 'mkcomposefs' || name === 'composefs-info';
process.exitCode = await cfsMain(isOther ? [name, ...args] : args);

#!/usr/bin/env node
require('../dist/kmip.js');

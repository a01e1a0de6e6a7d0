import { postgres } from './support/postgres.ts'
import { openPostgres } from '../src/storage/postgres.ts'
import { migrate } from '../src/storage/migrations.ts'
import { createLedger } from '../src/storage/ledger.ts'
import { openJournal } from '../src/storage/journal.ts'
import { sampleRow, memoryLog } from './support/samples.ts'
import { mkdtempSync } from 'node:fs'
const found = await postgres(); if (found.kind!=='running') throw 1
const db = await openPostgres(await found.server.createDatabase()); await migrate(db)
const journal = openJournal(mkdtempSync('/tmp/zz-')+'/j')
const ledger = createLedger({database: db, journal, log: memoryLog()})
let n=0; let max=0
for (const rate of [200, 1000, 3000]) {
  max=0
  const t=performance.now(); let done=0
  while (performance.now()-t<4000) { const due=Math.floor((performance.now()-t)/1000*rate); while(done<due){ledger.append(sampleRow(n++)); done++}; max=Math.max(max,journal.bytes); await new Promise(r=>setImmediate(r)) }
  console.log(rate, done, 'max journal', max, ledger.status())
  await ledger.settled(); 
}
await ledger.close(); await db.close(); process.exit(0)

// What a good Node developer would write: nodemailer with a pool of connections, Handlebars, better-sqlite3.
//
//   node nodemailer.js PORT FOLDER DATABASE
//
// FOLDER holds what make_people.py made. Every message gets a row in the database, a hundred rows a commit. The clock
// runs from the first message to the last: starting up, reading the list and compiling the templates do not count.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const Database = require("better-sqlite3");
const Handlebars = require("handlebars");
const mailer = require("nodemailer");

const CONNECTIONS = 5;
const ROWS_PER_COMMIT = 100;
const TABLE = `CREATE TABLE delivery(
  recipient_id INTEGER NOT NULL, channel TEXT NOT NULL, address TEXT NOT NULL, status TEXT NOT NULL, code TEXT,
  message_id TEXT, sent_at REAL, PRIMARY KEY(recipient_id, channel)) WITHOUT ROWID`;

const [port, folder, file] = process.argv.slice(2);

function read(name) {
  return fs.readFileSync(path.join(folder, name), "utf8");
}

/** Keeps a row for every message; commits when a hundred of them wait, and at the end. */
class Records {
  constructor(file) {
    this.database = new Database(file);
    this.database.pragma("journal_mode = WAL");
    this.database.pragma("synchronous = NORMAL");
    this.database.exec(TABLE);
    const insert = this.database.prepare("INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?)");
    this.insertAll = this.database.transaction((rows) => rows.forEach((row) => insert.run(row)));
    this.rows = [];
  }

  add(person, status, code, messageId) {
    this.rows.push([Number(person.id), "email", person.email, status, code, messageId, Date.now() / 1000]);
    if (this.rows.length >= ROWS_PER_COMMIT) this.commit();
  }

  commit() {
    this.insertAll(this.rows);
    this.rows = [];
  }
}

const common = JSON.parse(read("common.json"));
const text = Handlebars.compile(read("letter.txt.hbs"), { noEscape: true });
const html = Handlebars.compile(read("letter.html.hbs"));
const records = new Records(file);
const [head, ...lines] = read("people.csv").trimEnd().split("\n");
const columns = head.split(",");
const transport = mailer.createTransport({
  host: "127.0.0.1",
  port: Number(port),
  secure: false,
  ignoreTLS: true,
  pool: true,
  maxConnections: CONNECTIONS,
  maxMessages: Infinity,
});
let failed = 0;

function personOf(line) {
  const fields = line.split(",");
  const person = Object.fromEntries(columns.map((column, at) => [column, fields[at]]));
  person.items = person.items.split("|");
  return person;
}

async function send(person) {
  const values = { ...common, ...person };
  const message = { from: common.from, to: person.email, subject: common.subject };
  try {
    const sent = await transport.sendMail({ ...message, text: text(values), html: html(values) });
    records.add(person, "sent", sent.response.slice(0, 3), sent.messageId);
  } catch (error) {
    failed += 1;
    records.add(person, "failed", String(error.responseCode ?? error.code), "");
  }
}

/** Twice as many messages under way as there are connections: none of them waits for the next one. */
async function sendAll() {
  const underWay = new Set();
  for (const line of lines) {
    const sending = send(personOf(line)).finally(() => underWay.delete(sending));
    underWay.add(sending);
    if (underWay.size >= CONNECTIONS * 2) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  records.commit();
}

async function main() {
  const began = performance.now();
  const cpu = process.cpuUsage();
  await sendAll();
  const used = process.cpuUsage(cpu);
  console.log(`SEND_S=${((performance.now() - began) / 1000).toFixed(3)}`);
  console.log(`CPU_S=${((used.user + used.system) / 1e6).toFixed(3)}`);
  transport.close();
  if (failed) throw new Error(`${failed} messages failed`);
}

main();

// Read [{name, text}] from standard input and write [{name, problems}]: the errors that Microsoft's KQL language service finds.
// The tables are those of Application Insights and Log Analytics, with the columns that queries here may use.
"use strict";

const reader = process.argv[2]; // the folder of @kusto/language-service-next
require(`${reader}/bridge.min.js`);
require(`${reader}/Kusto.Language.Bridge.min.js`);
const { Kusto, System } = global;

const tables = JSON.parse(process.argv[3]).map(([name, columns]) =>
  Kusto.Language.Symbols.TableSymbol.From(`(${columns})`).WithName(name));
const database = new Kusto.Language.Symbols.DatabaseSymbol.$ctor1(
  "monitor", System.Array.init(tables, Kusto.Language.Symbols.Symbol));
const globals = Kusto.Language.GlobalState.Default.WithDatabase(database);

let input = "";
process.stdin.on("data", (part) => { input += part; });
process.stdin.on("end", () => {
  const found = JSON.parse(input).map(({ name, text }) => {
    const found = Kusto.Language.KustoCode.ParseAndAnalyze(text, globals).GetDiagnostics();
    const problems = [];
    for (let at = 0; at < found.Count; at++) {
      const each = found.getItem(at);
      problems.push(`${each.Message} (${text.slice(each.Start, each.Start + each.Length)})`);
    }
    return { name, problems };
  });
  process.stdout.write(JSON.stringify(found));
});

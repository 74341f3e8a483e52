// Package rule is the language of segments: a JSON rule says who belongs, and the same
// property conditions filter the events of a query.
//
//	{"and":[
//	  {"trait":"city","op":"eq","value":"上海"},
//	  {"event":"Order Completed","where":[{"property":"amount","op":"gte","value":100}],
//	   "count":{"op":"gte","value":2},"within":"30d"},
//	  {"event":"Order Completed","sum":{"property":"amount","op":"gt","value":1000},"calendar":{"unit":"month","back":1,"tz":"Asia/Shanghai"}},
//	  {"not":{"segment":"seg_staff"}},
//	  {"household":{"role":"payer","any":{"trait":"tier","op":"eq","value":"gold"}}},
//	  {"household":{"none":{"trait":"vin","op":"exists"}}}]}
//
// [Parse] is strict and names the place of a mistake ("and.1.count.op"). [Rule.Eval]
// tells whether a person belongs now and until when that answer holds without new events.
//
// # How a value is compared
//
// One table for properties, context fields and traits, in memory and in SQL
// (ruletest.Cases holds it as cases for every engine):
//
//   - JSON null is the same as a missing value.
//   - A number in the rule compares as a number with a number or a numeric string ("12.5");
//     any other value does not compare and does not match.
//   - A text in the rule compares byte by byte with the value's text: the content of a
//     string, and the JSON text of anything else (5 has the text "5", true has "true").
//   - A boolean in the rule matches only the same JSON boolean.
//   - A missing value matches the negative operators (not_exists, neq, not_in, not_contains, not_matches, has_none), and nothing
//     else: neq is the exact negation of eq, and so on.
//   - What is a version, a place or a moment says each operator; a value that is none passes none.
package rule

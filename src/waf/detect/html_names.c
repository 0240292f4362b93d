/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/detect/html_names.h"

enum { LONGEST = 32 };

/*
 * Behind "on": GlobalEventHandlers, WindowEventHandlers and DocumentAndElementEventHandlers of the HTML standard;
 * the event handlers of Pointer Events, Touch Events, UI Events, CSS Animations and Transitions, Fullscreen,
 * Selection, SVG 1.1 and SMIL; what WebKit, Gecko and Internet Explorer know besides. In byte order.
 */
static const char *const events[] = {
    "abort", "activate", "afterprint", "afterscriptexecute", "afterupdate", "animationcancel", "animationend",
    "animationiteration", "animationstart", "auxclick",
    "beforeactivate", "beforecopy", "beforecut", "beforedeactivate", "beforeeditfocus", "beforeinput", "beforematch",
    "beforepaste", "beforeprint", "beforescriptexecute", "beforetoggle", "beforeunload", "beforeupdate", "beforexrselect",
    "begin", "blur", "bounce",
    "cached", "cancel", "canplay", "canplaythrough", "cellchange", "change", "checking", "click", "close", "command",
    "contentvisibilityautostatechange", "contextlost", "contextmenu", "contextrestored", "controlselect", "copy",
    "cuechange", "cut",
    "dataavailable", "datasetchanged", "datasetcomplete", "dblclick", "deactivate", "devicemotion", "deviceorientation",
    "drag", "dragdrop", "dragend", "dragenter", "dragexit", "dragleave", "dragover", "dragstart", "drop", "durationchange",
    "emptied", "end", "ended", "error", "errorupdate",
    "filterchange", "finish", "focus", "focusin", "focusout", "formdata", "fullscreenchange", "fullscreenerror",
    "gesturechange", "gestureend", "gesturestart", "gotpointercapture",
    "hashchange", "help",
    "input", "invalid",
    "keydown", "keypress", "keyup",
    "languagechange", "layoutcomplete", "load", "loadeddata", "loadedmetadata", "loadend", "loadstart", "location",
    "losecapture", "lostpointercapture",
    "mediacomplete", "mediaerror", "message", "messageerror", "mousedown", "mouseenter", "mouseleave", "mousemove",
    "mouseout", "mouseover", "mouseup", "mousewheel", "move", "moveend", "movestart", "mozfullscreenchange",
    "offline", "online", "orientationchange", "outofsync",
    "pagehide", "pagereveal", "pageshow", "pageswap", "paste", "pause", "play", "playing", "pointercancel", "pointerdown",
    "pointerenter", "pointerleave", "pointermove", "pointerout", "pointerover", "pointerrawupdate", "pointerup",
    "popstate", "progress", "propertychange",
    "ratechange", "readystatechange", "rejectionhandled", "repeat", "reset", "resize", "resizeend", "resizestart",
    "resume", "reverse", "rowenter", "rowexit", "rowsdelete", "rowsinserted",
    "scroll", "scrollend", "scrollsnapchange", "scrollsnapchanging", "search", "securitypolicyviolation", "seek",
    "seeked", "seeking", "select", "selectionchange", "selectstart", "show", "slotchange", "stalled", "start", "stop",
    "storage", "submit", "suspend", "syncrestored",
    "timeerror", "timeout", "timeupdate", "toggle", "touchcancel", "touchend", "touchmove", "touchstart", "trackchange",
    "transitioncancel", "transitionend", "transitionrun", "transitionstart",
    "unhandledrejection", "unload", "urlflip",
    "volumechange",
    "waiting", "webkitanimationend", "webkitanimationiteration", "webkitanimationstart", "webkitfullscreenchange",
    "webkitmouseforceup", "webkittransitionend", "webkitwillrevealbottom", "wheel",
    "zoom",
};

static const struct {
    const char *name;
    enum html_danger danger;
} elements[] = { /* in byte order */
    {"applet", HTML_ALONE}, {"base", HTML_WITH_ATTRIBUTES}, {"bgsound", HTML_WITH_ATTRIBUTES}, {"embed", HTML_ALONE},
    {"fencedframe", HTML_ALONE}, {"foreignobject", HTML_ALONE}, {"frame", HTML_ALONE}, {"frameset", HTML_ALONE},
    {"handler", HTML_WITH_ATTRIBUTES}, {"iframe", HTML_ALONE}, {"ilayer", HTML_ALONE}, {"import", HTML_WITH_ATTRIBUTES},
    {"include", HTML_WITH_ATTRIBUTES},
    {"isindex", HTML_ALONE}, {"layer", HTML_WITH_ATTRIBUTES}, {"link", HTML_WITH_ATTRIBUTES},
    {"listener", HTML_WITH_ATTRIBUTES}, {"meta", HTML_WITH_ATTRIBUTES}, {"noembed", HTML_ALONE},
    {"noframes", HTML_ALONE}, {"noscript", HTML_ALONE}, {"object", HTML_WITH_ATTRIBUTES}, {"plaintext", HTML_ALONE},
    {"portal", HTML_WITH_ATTRIBUTES}, {"script", HTML_ALONE}, {"style", HTML_ALONE}, {"svg", HTML_ALONE},
    {"vmlframe", HTML_ALONE}, {"xml", HTML_WITH_ATTRIBUTES}, {"xmp", HTML_ALONE}, {"xsl", HTML_WITH_ATTRIBUTES},
    {"xss", HTML_ALONE}, /* no element, and by custom the name of those who try */
};

static const char *const urls[] = {
    "action", "archive", "background", "cite", "classid", "code", "codebase", "data", "dynsrc", "folder", "formaction",
    "handler", "href", "longdesc", "lowsrc", "manifest", "ping", "poster", "profile", "src", "srcset", "usemap",
    "xlink:href",
};

static const char *const carriers[] = {"by", "content", "from", "srcdoc", "style", "to", "values"};

/* Lower case without NUL bytes, NUL-terminated; false when it is too long to be any known name. */
static bool folded(struct bytes name, char ret[LONGEST + 3])
{
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        if (c == 0)
            continue;
        if (len == LONGEST + 2)
            return false;
        ret[len++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    }
    ret[len] = 0;
    return true;
}

static bool among(const char *const *names, size_t count, const char *name)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, names[middle]);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

enum html_danger html_element_danger(struct bytes name)
{
    char text[LONGEST + 3];
    if (!folded(name, text))
        return HTML_HARMLESS;
    char *prefix = strchr(text, ':'); /* <svg:script>, <x:script xmlns:x=...> */
    const char *local = prefix ? prefix + 1 : text;
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
        if (texts_equal(local, elements[i].name))
            return elements[i].danger;
    return HTML_HARMLESS;
}

bool html_is_event(struct bytes attribute)
{
    char text[LONGEST + 3];
    return folded(attribute, text) && text[0] == 'o' && text[1] == 'n' && among(events, sizeof events / sizeof events[0], text + 2);
}

bool html_takes_url(struct bytes attribute)
{
    char text[LONGEST + 3];
    return folded(attribute, text) && among(urls, sizeof urls / sizeof urls[0], text);
}

bool html_carries_url(struct bytes attribute)
{
    char text[LONGEST + 3];
    return folded(attribute, text) && among(carriers, sizeof carriers / sizeof carriers[0], text);
}

bool html_name_is(struct bytes name, const char *lower)
{
    char text[LONGEST + 3];
    return folded(name, text) && texts_equal(text, lower);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "waf/language/choices.h"

#include "waf/language/model.h"

const struct choice switch_choices[] = {{"On", SWITCH_ON}, {"Off", SWITCH_OFF}, {0}};
const struct choice engine_choices[] = {{"On", SWITCH_ON}, {"Off", SWITCH_OFF}, {"DetectionOnly", SWITCH_DETECTION_ONLY}, {0}};
const struct choice audit_engine_choices[] = {{"On", SWITCH_ON}, {"Off", SWITCH_OFF}, {"RelevantOnly", SWITCH_RELEVANT_ONLY}, {0}};
const struct choice processor_choices[] = {{"URLENCODED", PROCESSOR_URLENCODED}, {"MULTIPART", PROCESSOR_MULTIPART},
    {"JSON", PROCESSOR_JSON}, {"XML", PROCESSOR_XML}, {0}};
const struct choice severity_choices[] = {{"EMERGENCY", 0}, {"ALERT", 1}, {"CRITICAL", 2}, {"ERROR", 3}, {"WARNING", 4},
    {"NOTICE", 5}, {"INFO", 6}, {"DEBUG", 7}, {0}};

bool choice_read(const struct piece *p, const struct choice *choices, const char *kind, uint8_t *ret)
{
    const char *names[8];
    size_t count = 0;
    for (; choices[count].name && count < 8; count++) {
        names[count] = choices[count].name;
        if (word_is(p->text, names[count])) {
            *ret = choices[count].value;
            return true;
        }
    }
    return unknown_word(p, kind, "", names, count, NULL);
}

const char *choice_name(const struct choice *choices, uint8_t value)
{
    for (; choices->name; choices++)
        if (choices->value == value)
            return choices->name;
    return "";
}

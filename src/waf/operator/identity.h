/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that name a person or a card, told from other digits by their check digits. Anything but digits is passed over. */
#pragma once

#include "base/bytes.h"

/* Payment cards: Luhn's formula (ISO/IEC 7812-1, annex B). @verifyCC */
bool card_number_valid(struct bytes text) MUST_USE;
/* US social security numbers: nine digits in area, group and serial of which none is zero, an area that was given out before 2011. @verifySSN */
bool ssn_valid(struct bytes text) MUST_USE;
/* Brazilian Cadastro de Pessoas Físicas: eleven digits, two of them check digits modulo 11. @verifyCPF */
bool cpf_valid(struct bytes text) MUST_USE;
/* Austrian Sozialversicherungsnummer: ten digits, the fourth of them a check digit modulo 11. @verifySVNR */
bool svnr_valid(struct bytes text) MUST_USE;

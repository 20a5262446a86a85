//! Codes of the ledger and of receipts: why a conversion has its status, each with a sentence for operators. `intake`
//! chooses the code; the docs list the codes that a page may see.

use trailmark_attribution::NoCredit;

/// Declares the codes: for each its name, its word, and what it means in one or two sentences, with the cure if the code alone
/// tells it.
macro_rules! codes {
    ($($name:ident = $word:literal, $sentence:literal;)*) => {
        /// A decision's code. SQL, receipts, logs and the docs use the same words.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $sentence] $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$name),*];

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it means, for operators.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

codes! {
    ClaimedByPage = "claimed_by_page",
        "A page of another visitor had claimed this customer. The backend decides, so that page's credit has ended.";
    ClosedByServer = "closed_by_server",
        "The site's backend reported the same key itself.";
    CustomerAudienceMismatch = "customer_audience_mismatch",
        "The merchant signed the customer for another site.";
    CustomerExpired = "customer_expired",
        "The merchant's signature on the customer had expired when it arrived.";
    CustomerFromTheFuture = "customer_from_the_future",
        "The merchant's signature on the customer is dated in the future.";
    CustomerMalformed = "customer_malformed",
        "The signed customer that the page sent is not a valid JWS, or has values out of range.";
    CustomerSignatureInvalid = "customer_signature_invalid",
        "No key in the site's `order_keys` verifies the signature on the customer: it is forged, or its key is missing there.";
    CustomerUnknown = "customer_unknown",
        "The report names no visitor, and no signup of its customer is known.";
    CustomerUnsigned = "customer_unsigned",
        "This site believes a page's customer only if the merchant signed it.";
    KeyTaken = "key_taken",
        "Another conversion already has this key. The page was not told.";
    MoneyUnsigned = "money_unsigned",
        "Only the page named the amount. Sign the order, or report the sale from the backend.";
    NoTouch = "no_touch",
        "No partner's link led here.";
    NoValidTouch = "no_valid_touch",
        "None of this visitor's touches counts: each had expired, came later or was superseded.";
    OrderAudienceMismatch = "order_audience_mismatch",
        "The merchant signed the order for another site.";
    OrderCustomerMismatch = "order_customer_mismatch",
        "The merchant signed the order for another customer than the page names.";
    OrderExpired = "order_expired",
        "The merchant's signature on the order had expired when it arrived.";
    OrderFromTheFuture = "order_from_the_future",
        "The merchant's signature on the order is dated in the future.";
    OrderMalformed = "order_malformed",
        "The signed order that the page sent is not a valid JWS, or has values out of range.";
    OrderSignatureInvalid = "order_signature_invalid",
        "No key in the site's `order_keys` verifies the signature on the order: it is forged, or its key is missing there.";
    OverruledByServer = "overruled_by_server",
        "The site's backend reported this customer for another visitor, and the backend decides.";
    ReferenceUnknown = "reference_unknown",
        "The backend's `reference` belongs to no visitor of this site.";
    RefundAboveSale = "refund_above_sale",
        "With this refund, the refunds of the sale would exceed the sale's amount.";
    RefundCurrency = "refund_currency",
        "The refund is in another currency than its sale.";
    RefundCustomer = "refund_customer",
        "The refund names another customer than its sale.";
    RejectedByHand = "rejected_by_hand",
        "An operator rejected it.";
    SaleRejected = "sale_rejected",
        "Every vendor rejected the sale that this refunds.";
    SaleUnattributed = "sale_unattributed",
        "No partner earned anything on the sale that this refunds.";
    SaleUnknown = "sale_unknown",
        "The sale that this refunds has not been reported yet. The refund is applied when it is.";
    SignupDisputed = "signup_disputed",
        "A page had claimed this customer for another partner, and the vendor was told. The vendor may still credit that \
         partner, so the sale is held. Run `trailmark conversions reassign` with the customer's key; the sale is then released \
         automatically.";
    SignupRejected = "signup_rejected",
        "The customer's signup was rejected, so no partner is known for this. Report it again once a signup of this customer \
         is accepted.";
    SignupsFromBackend = "signups_from_backend",
        "This site counts a page's signup only after the backend has reported the customer (`signups_from`).";
    SignupsFromPages = "signups_from_pages",
        "This site counts only signups of its pages (`signups_from`).";
    SignupsPerVisitor = "signups_per_visitor",
        "This browser has already named as many customers as the site allows (`signups_per_visitor`).";
    Test = "test",
        "It is a test: it was decided like any other, and is sent to no vendor.";
    TokenExpired = "token_expired",
        "The click token that the backend passed on had expired.";
    TokenInvalid = "token_invalid",
        "The backend's `click_token` is not from this site. Send it unchanged.";
    TouchAfterConversion = "touch_after_conversion",
        "Every partner's link was followed only after the conversion.";
    TouchExpired = "touch_expired",
        "Every partner's link was followed too long ago: its window had ended.";
    VisitorExpired = "visitor_expired",
        "The visitor cookie that the backend passed on had expired.";
    VisitorInvalid = "visitor_invalid",
        "The backend's `visitor` is not the value of the visitor cookie. Send that value unchanged.";
}

impl Code {
    /// The code for a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }
}

impl From<NoCredit> for Code {
    fn from(why: NoCredit) -> Self {
        match why {
            NoCredit::NoTouch => Self::NoTouch,
            NoCredit::NoValidTouch => Self::NoValidTouch,
            NoCredit::TouchAfterConversion => Self::TouchAfterConversion,
            NoCredit::TouchExpired => Self::TouchExpired,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_word_and_has_a_sentence_of_its_own() {
        let mut sentences: Vec<_> = Code::ALL.map(Code::sentence).to_vec();
        for code in Code::ALL {
            assert_eq!(Code::from_word(code.as_str()), Some(code));
            assert!(code.sentence().ends_with('.') && code.sentence().starts_with(char::is_uppercase), "{code:?}");
        }
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), Code::ALL.len());
    }

    #[test]
    fn no_statement_spells_a_code_itself() {
        let statements = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sqlite");
        for file in std::fs::read_dir(statements).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let is_spelled = |code: &Code| text.contains(&format!("'{}'", code.as_str()));
            let spelled: Vec<_> = Code::ALL.into_iter().filter(is_spelled).collect();
            assert!(spelled.is_empty(), "{}: {spelled:?}", path.display());
        }
    }
}

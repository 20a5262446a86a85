//! Codes of the ledger and of receipts: why a conversion has its status, each with a sentence for operators. `intake`
//! chooses the code; the docs list the codes that a page may see.

/// A decision's code. SQL, receipts, logs and the docs use the same words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// A page of another visitor had claimed the customer; the backend overruled it.
    ClaimedByPage,
    /// A server stated the key, which closed held conversions with this key.
    ClosedByServer,
    /// The merchant signed the customer for another site.
    CustomerAudienceMismatch,
    /// The merchant's signature on the customer had expired.
    CustomerExpired,
    /// The merchant's signature on the customer is not valid yet.
    CustomerFromTheFuture,
    /// The page's signed customer cannot be read.
    CustomerMalformed,
    /// No key verifies the merchant's signature on the customer.
    CustomerSignatureInvalid,
    /// Only the page named the customer.
    CustomerUnsigned,
    /// The key is taken, which its page must not learn.
    KeyTaken,
    /// Only the page named the amount.
    MoneyUnsigned,
    /// No partner's link led to this conversion.
    NoTouch,
    /// There are touches, but none is valid.
    NoValidTouch,
    /// The merchant signed the order for another site.
    OrderAudienceMismatch,
    /// The merchant signed the order for another customer.
    OrderCustomerMismatch,
    /// The merchant's signature on the order had expired.
    OrderExpired,
    /// The merchant's signature on the order is not valid yet.
    OrderFromTheFuture,
    /// The page's signed order cannot be read.
    OrderMalformed,
    /// No key verifies the merchant's signature on the order.
    OrderSignatureInvalid,
    /// The backend reported the customer for another visitor.
    OverruledByServer,
    /// The backend's reference names no visitor.
    ReferenceUnknown,
    /// The refunds of the sale would exceed the sale.
    RefundAboveSale,
    /// The refund is in another currency than its sale.
    RefundCurrency,
    /// The refund names another customer than its sale.
    RefundCustomer,
    /// An operator rejected it.
    RejectedByHand,
    /// Every vendor refused the refund's sale.
    SaleRejected,
    /// No partner is credited for the refund's sale.
    SaleUnattributed,
    /// The refund's sale is not known yet.
    SaleUnknown,
    /// The vendor may still credit another partner for the customer.
    SignupDisputed,
    /// The customer's signup was rejected.
    SignupRejected,
    /// The site counts a page's signup only after the backend has reported the customer.
    SignupsFromBackend,
    /// The site counts only signups of its pages.
    SignupsFromPages,
    /// The browser has named as many customers as the site allows.
    SignupsPerVisitor,
    /// The backend's click token had expired.
    TokenExpired,
    /// The backend's click token is not from this site.
    TokenInvalid,
    /// Every touch was later than the conversion.
    TouchAfterConversion,
    /// Every touch's window had ended.
    TouchExpired,
    /// The visitor cookie that the backend passed on had expired.
    VisitorExpired,
    /// The backend's `visitor` is not a visitor cookie.
    VisitorInvalid,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 38] = [
        Self::ClaimedByPage,
        Self::ClosedByServer,
        Self::CustomerAudienceMismatch,
        Self::CustomerExpired,
        Self::CustomerFromTheFuture,
        Self::CustomerMalformed,
        Self::CustomerSignatureInvalid,
        Self::CustomerUnsigned,
        Self::KeyTaken,
        Self::MoneyUnsigned,
        Self::NoTouch,
        Self::NoValidTouch,
        Self::OrderAudienceMismatch,
        Self::OrderCustomerMismatch,
        Self::OrderExpired,
        Self::OrderFromTheFuture,
        Self::OrderMalformed,
        Self::OrderSignatureInvalid,
        Self::OverruledByServer,
        Self::ReferenceUnknown,
        Self::RefundAboveSale,
        Self::RefundCurrency,
        Self::RefundCustomer,
        Self::RejectedByHand,
        Self::SaleRejected,
        Self::SaleUnattributed,
        Self::SaleUnknown,
        Self::SignupDisputed,
        Self::SignupRejected,
        Self::SignupsFromBackend,
        Self::SignupsFromPages,
        Self::SignupsPerVisitor,
        Self::TokenExpired,
        Self::TokenInvalid,
        Self::TouchAfterConversion,
        Self::TouchExpired,
        Self::VisitorExpired,
        Self::VisitorInvalid,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClaimedByPage => "claimed_by_page",
            Self::ClosedByServer => "closed_by_server",
            Self::CustomerAudienceMismatch => "customer_audience_mismatch",
            Self::CustomerExpired => "customer_expired",
            Self::CustomerFromTheFuture => "customer_from_the_future",
            Self::CustomerMalformed => "customer_malformed",
            Self::CustomerSignatureInvalid => "customer_signature_invalid",
            Self::CustomerUnsigned => "customer_unsigned",
            Self::KeyTaken => "key_taken",
            Self::MoneyUnsigned => "money_unsigned",
            Self::NoTouch => "no_touch",
            Self::NoValidTouch => "no_valid_touch",
            Self::OrderAudienceMismatch => "order_audience_mismatch",
            Self::OrderCustomerMismatch => "order_customer_mismatch",
            Self::OrderExpired => "order_expired",
            Self::OrderFromTheFuture => "order_from_the_future",
            Self::OrderMalformed => "order_malformed",
            Self::OrderSignatureInvalid => "order_signature_invalid",
            Self::OverruledByServer => "overruled_by_server",
            Self::ReferenceUnknown => "reference_unknown",
            Self::RefundAboveSale => "refund_above_sale",
            Self::RefundCurrency => "refund_currency",
            Self::RefundCustomer => "refund_customer",
            Self::RejectedByHand => "rejected_by_hand",
            Self::SaleRejected => "sale_rejected",
            Self::SaleUnattributed => "sale_unattributed",
            Self::SaleUnknown => "sale_unknown",
            Self::SignupDisputed => "signup_disputed",
            Self::SignupRejected => "signup_rejected",
            Self::SignupsFromBackend => "signups_from_backend",
            Self::SignupsFromPages => "signups_from_pages",
            Self::SignupsPerVisitor => "signups_per_visitor",
            Self::TokenExpired => "token_expired",
            Self::TokenInvalid => "token_invalid",
            Self::TouchAfterConversion => "touch_after_conversion",
            Self::TouchExpired => "touch_expired",
            Self::VisitorExpired => "visitor_expired",
            Self::VisitorInvalid => "visitor_invalid",
        }
    }

    /// The code for a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }

    /// What it means, and what to do if the code alone tells: one or two whole sentences.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::ClaimedByPage => {
                "A page of another visitor had claimed this customer. The backend decides, so that page's credit has ended."
            }
            Self::ClosedByServer => "The site's backend reported the same key itself.",
            Self::CustomerAudienceMismatch => "The merchant signed the customer for another site.",
            Self::CustomerExpired => "The merchant's signature on the customer had expired when it arrived.",
            Self::CustomerFromTheFuture => "The merchant's signature on the customer is dated in the future.",
            Self::CustomerMalformed => {
                "The signed customer that the page sent is not a valid JWS, or has values out of range."
            }
            Self::CustomerSignatureInvalid => {
                "No key in the site's `order_keys` verifies the signature on the customer: it is forged, or its key is \
                 missing there."
            }
            Self::CustomerUnsigned => "This site believes a page's customer only if the merchant signed it.",
            Self::KeyTaken => "Another conversion already has this key. The page was not told.",
            Self::MoneyUnsigned => {
                "Only the page named the amount. Sign the order, or report the sale from the backend."
            }
            Self::NoTouch => "No partner's link led here.",
            Self::NoValidTouch => {
                "None of this visitor's touches counts: each had expired, came later or was superseded."
            }
            Self::OrderAudienceMismatch => "The merchant signed the order for another site.",
            Self::OrderCustomerMismatch => "The merchant signed the order for another customer than the page names.",
            Self::OrderExpired => "The merchant's signature on the order had expired when it arrived.",
            Self::OrderFromTheFuture => "The merchant's signature on the order is dated in the future.",
            Self::OrderMalformed => {
                "The signed order that the page sent is not a valid JWS, or has values out of range."
            }
            Self::OrderSignatureInvalid => {
                "No key in the site's `order_keys` verifies the signature on the order: it is forged, or its key is missing \
                 there."
            }
            Self::OverruledByServer => {
                "The site's backend reported this customer for another visitor, and the backend decides."
            }
            Self::ReferenceUnknown => "The backend's `reference` belongs to no visitor of this site.",
            Self::RefundAboveSale => "With this refund, the refunds of the sale would exceed the sale's amount.",
            Self::RefundCurrency => "The refund is in another currency than its sale.",
            Self::RefundCustomer => "The refund names another customer than its sale.",
            Self::RejectedByHand => "An operator rejected it.",
            Self::SaleRejected => "Every vendor rejected the sale that this refunds.",
            Self::SaleUnattributed => "No partner earned anything on the sale that this refunds.",
            Self::SaleUnknown => {
                "The sale that this refunds has not been reported yet. The refund is applied when it is."
            }
            Self::SignupDisputed => {
                "A page had claimed this customer for another partner, and the vendor was told. The vendor may still credit that partner, so the sale is held. Run `trailmark conversions reassign` with the customer's key; the sale is then released automatically."
            }
            Self::SignupRejected => {
                "The customer's signup was rejected, so no partner is known for this. Report it again once a signup of this \
                 customer is accepted."
            }
            Self::SignupsFromBackend => {
                "This site counts a page's signup only after the backend has reported the customer (`signups_from`)."
            }
            Self::SignupsFromPages => "This site counts only signups of its pages (`signups_from`).",
            Self::SignupsPerVisitor => {
                "This browser has already named as many customers as the site allows (`signups_per_visitor`)."
            }
            Self::TokenExpired => "The click token that the backend passed on had expired.",
            Self::TokenInvalid => "The backend's `click_token` is not from this site. Send it unchanged.",
            Self::TouchAfterConversion => "Every partner's link was followed only after the conversion.",
            Self::TouchExpired => "Every partner's link was followed too long ago: its window had ended.",
            Self::VisitorExpired => "The visitor cookie that the backend passed on had expired.",
            Self::VisitorInvalid => {
                "The backend's `visitor` is not the value of the visitor cookie. Send that value unchanged."
            }
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
}

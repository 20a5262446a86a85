//! Which touch is credited in a program whose vendor credits a new customer by its own click id alone.

use super::*;
use crate::store::TOUCHES_KNOWN;
use crate::store::conformance::samples::clicked;

/// A shop with `main` at such a vendor, where a link may name the partner, too.
fn shop() -> Shop {
    let mut shop = Shop::open(Credit::One);
    shop.rules.programs = vec![(program("main"), VendorName::from_name("introw").unwrap())];
    shop
}

fn partner(receipt: &Receipt) -> Option<&str> {
    receipt.attribution[0].partner.as_ref().map(|partner| partner.as_str())
}

#[tokio::test]
async fn a_link_with_a_partner_alone_takes_no_signup_from_an_earlier_click_and_takes_the_sale() {
    let shop = shop();
    let mut click = clicked(1, "main", "tok_1");
    click.captured.partner = None;
    let visitor = recorded(&shop.store, arrival(1, vec![click])).await.visitor;
    // More of them than a decision reads.
    for number in 2..=u8::try_from(TOUCHES_KNOWN).unwrap() + 2 {
        let later = arrival(number, vec![touch(number.into(), "main")]);
        recorded(&shop.store, Arrival { known_visitor: Some(visitor.clone()), ..later }).await;
    }
    let signup = shop.signup(Assurance::Bound, visitor.clone(), "u_1").await;
    assert_eq!((said(&signup).as_str(), partner(&signup)), ("accepted", None), "only the vendor knows the partner");
    let sale = shop.pay(Assurance::Server, visitor, &SALE).await;
    assert_eq!((said(&sale).as_str(), partner(&sale)), ("accepted", Some("ada")));
    let verdicts = |detail: ConversionDetail| detail.decision["considered"][0]["verdict"].clone();
    assert_eq!(verdicts(shop.detail(&signup).await), "lacks_click");
    assert_eq!(verdicts(shop.detail(&sale).await), "credited");
    shop.is_sound().await;
}

#[tokio::test]
async fn a_link_with_a_partner_alone_is_credited_where_no_click_is_known() {
    let shop = shop();
    let visitor = recorded(&shop.store, arrival(1, vec![touch(1, "main")])).await.visitor;
    let signup = shop.signup(Assurance::Bound, visitor, "u_1").await;
    assert_eq!((said(&signup).as_str(), partner(&signup)), ("accepted", Some("ada")));
}

#[tokio::test]
async fn a_link_with_a_partner_alone_takes_no_signup_from_another_programs_partner_where_one_is_credited() {
    for (credit, expected) in [(Credit::One, "accepted"), (Credit::Each, "accepted other")] {
        let mut shop = Shop::open(credit);
        let vendor = |name| VendorName::from_name(name).unwrap();
        shop.rules.programs = vec![(program("main"), vendor("partnerstack")), (program("other"), vendor("introw"))];
        let visitor = recorded(&shop.store, arrival(1, vec![touch(1, "main")])).await.visitor;
        let later = Arrival { known_visitor: Some(visitor.clone()), ..arrival(2, vec![touch(2, "other")]) };
        recorded(&shop.store, later).await;
        assert_eq!(said(&shop.signup(Assurance::Bound, visitor, "u_1").await), expected);
    }
}

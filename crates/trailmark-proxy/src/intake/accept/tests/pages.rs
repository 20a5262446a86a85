//! What a page may do over a real ledger, and what it learns: it changes no other visitor's customer or order, and
//! learns of none beyond the visitor's limit.

use super::*;

#[tokio::test]
async fn a_pages_unsigned_sale_is_held_and_learns_nothing_of_the_customer_it_names() {
    let shop = Shop::open(Credit::One);
    let own = shop.customer(1, "u_1").await;
    assert_eq!(said(&shop.pay(Assurance::Bound, own, &SALE).await), "held money_unsigned");
    let foreign = shop.pay(Assurance::Bound, visitor(9), &Paid { key: "o2", ..SALE }).await;
    assert_eq!((said(&foreign).as_str(), foreign.attribution.len()), ("unattributed no_touch", 0));
}

#[tokio::test]
async fn a_pages_customer_key_never_alters_a_known_customer() {
    let shop = Shop::open(Credit::One);
    shop.customer(1, "u_1").await;
    assert_eq!(said(&shop.signup(Assurance::Server, visitor(9), "u_2").await), "unattributed no_touch");
    // A visitor of another program tries a known customer, and one that nobody brought.
    let thief = touched_visitor(&shop.store, 2, &["other"]).await;
    for customer in ["u_1", "u_2"] {
        let stolen = shop.signup(Assurance::Bound, thief.clone(), customer).await;
        assert_eq!((said(&stolen).as_str(), stolen.attribution.len()), ("duplicate", 0));
    }
    // The backend may: it names the visitor that it saw.
    assert_eq!(said(&shop.signup(Assurance::Server, thief, "u_2").await), "accepted other");
}

#[tokio::test]
async fn of_a_thousand_foreign_keys_three_are_delivered_and_held_ones_block_no_server() {
    let shop = Shop::open(Credit::One);
    let farm = touched_visitor(&shop.store, 1, &["main"]).await;
    let keys: Vec<String> = (0..1000).map(|number| format!("v_{number}")).collect();
    let all = join_all(keys.iter().map(|key| shop.claim(farm.clone(), key))).await;
    let of = |status| all.iter().flatten().filter(|receipt| receipt.status == status).collect::<Vec<_>>();
    let held = of(Status::Held);
    // field-faults row 67
    assert_eq!((of(Status::Accepted).len(), held.len()), (3, HELD_PER_VISITOR as usize));
    assert_eq!(all.iter().filter(|one| **one == Err(StoreError::OverBudget)).count(), 1000 - 3 - held.len());
    assert_eq!(said(held[0]), "held signups_per_visitor");
    // The backend knows the customer: the attacker gets nothing, and the attacker's claim is closed.
    let (last, honest) = (*held.last().unwrap(), touched_visitor(&shop.store, 2, &["other"]).await);
    let key = shop.detail(last).await.conversion.external_id.unwrap();
    let stated = shop.signup(Assurance::Server, honest, &key).await;
    assert_eq!(said(&stated), "accepted other");
    assert_eq!(shop.stands(last).await, "duplicate closed_by_server");
    let change = shop.detail(last).await.changes.pop().unwrap();
    assert_eq!((change.change, change.cause), (Afterwards::Closed, Some(stated.conversion_id)));
    assert!(matches!(shop.release(last).await, Err(StoreError::Refused(_))));
    shop.is_sound().await;
}

#[tokio::test]
async fn once_its_limit_is_spent_a_page_hears_held_of_every_key_but_its_own() {
    let shop = Shop::open(Credit::One);
    shop.customer(1, "u_1").await;
    let organic = shop.signup(Assurance::Server, visitor(9), "u_2").await;
    let eve = touched_visitor(&shop.store, 2, &["main"]).await;
    assert_eq!(said(&shop.signup(Assurance::Bound, eve.clone(), "own").await), "accepted");
    // It may learn of two more keys, however often it asks; each counts like a signup.
    for _ in 0..2 {
        assert_eq!(said(&shop.signup(Assurance::Bound, eve.clone(), "u_1").await), "duplicate");
    }
    assert_eq!(said(&shop.signup(Assurance::Bound, eve.clone(), "u_2").await), "duplicate");
    for number in 3..=20 {
        shop.customer(number, &format!("u_{number}")).await;
        let mut taken = shop.signup(Assurance::Bound, eve.clone(), &format!("u_{number}")).await;
        let free = shop.signup(Assurance::Bound, eve.clone(), &format!("free_{number}")).await;
        assert_eq!(said(&free), "held signups_per_visitor");
        assert_eq!(shop.stands(&taken).await, "duplicate key_taken");
        assert_eq!(shop.stands(&free).await, "held signups_per_visitor");
        assert!(matches!(shop.release(&taken).await, Err(StoreError::Refused(text)) if text.contains("`duplicate`")));
        taken.conversion_id = free.conversion_id.clone();
        assert_eq!(taken, free);
    }
    assert_eq!(said(&shop.signup(Assurance::Bound, eve.clone(), "own").await), "duplicate");
    // Leads have a separate, equal limit.
    let lead = |customer: &str| {
        let mut new = signup(shop.number(), eve.clone(), customer);
        new.conversion.event = Event::Lead;
        shop.post(new)
    };
    for (customer, end) in [("own", "accepted"), ("u_1", "accepted"), ("u_2", "accepted"), ("u_3", "held")] {
        assert!(said(&lead(customer).await).starts_with(end), "{customer}");
    }
    assert_eq!(said(&lead("own").await), "duplicate");
    // The customers' own pages and the backend get their usual answers.
    assert_eq!(shop.stands(&organic).await, "unattributed no_touch");
    assert_eq!(said(&shop.signup(Assurance::Bound, visitor(1), "u_1").await), "duplicate");
    shop.is_sound().await;
}

#[tokio::test]
async fn an_unsigned_word_is_held_whether_or_not_somebody_holds_its_key() {
    let mut shop = Shop::open(Credit::One);
    let own = shop.customer(1, "u_1").await;
    let sale = shop.pay(Assurance::Server, own.clone(), &SALE).await;
    let eve = touched_visitor(&shop.store, 2, &["main"]).await;
    let taken = shop.pay(Assurance::Bound, eve.clone(), &SALE).await;
    let free = shop.pay(Assurance::Bound, eve.clone(), &Paid { key: "o2", ..SALE }).await;
    assert_eq!((said(&taken), said(&free)), ("held money_unsigned".into(), "held money_unsigned".into()));
    assert_eq!(shop.stands(&taken).await, "duplicate key_taken");
    assert_eq!(shop.detail(&taken).await.changes[0].cause, Some(sale.conversion_id));
    assert_eq!(said(&shop.pay(Assurance::Bound, own, &SALE).await), "duplicate", "its own order is no secret");
    shop.rules.require_signed_customer = true;
    for customer in ["u_1", "u_9"] {
        assert_eq!(said(&shop.signup(Assurance::Bound, eve.clone(), customer).await), "held customer_unsigned");
    }
    shop.is_sound().await;
}
